"""Reads and writes rows for batch scoring by pandas, and makes the files: 64 integer columns.

Each file is made once and kept. Parquet's numbers are written plain, so that its size is that of
its numbers: 8 bytes each.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from bench.batch_files import BatchFile, Format
from bench.models import Integers, integer_rows

#: Rows that are drawn and written at once.
SEGMENT_ROWS = 5_000
#: As pyarrow and pandas write them by default.
GROUP_ROWS = 1024 * 1024
COLUMNS = [f"pixel_{number}" for number in range(64)]


def make(file: BatchFile) -> Path:
    """Write a file unless it is there."""
    if not file.path.exists():
        file.path.parent.mkdir(parents=True, exist_ok=True)
        part = file.path.with_suffix(".part")
        _WRITERS[file.form](part, file.bytes)
        part.rename(file.path)
    return file.path


def read(form: Format, content: bytes) -> Any:
    """A file of rows as a data frame, by pandas."""
    match form:
        case "csv":
            return pd.read_csv(io.BytesIO(content))
        case "jsonl":
            return pd.read_json(io.BytesIO(content), lines=True)
        case "parquet":
            return pd.read_parquet(io.BytesIO(content))


def written(form: Format, frame: Any) -> bytes:
    """A data frame as a file, by pandas."""
    match form:
        case "csv":
            return bytes(frame.to_csv(index=False).encode())
        case "jsonl":
            return bytes(frame.to_json(orient="records", lines=True).encode())
        case "parquet":
            return bytes(frame.to_parquet())


def _segments() -> Iterator[Integers]:
    """Rows without end, a segment at a time."""
    seed = 100
    while True:
        yield integer_rows(SEGMENT_ROWS, seed)
        seed += 1


def _write_text(form: Format, file: Path, size: int) -> None:
    with file.open("wb") as out:
        for segment in _segments():
            text = written(form, pd.DataFrame(segment, columns=COLUMNS))
            if form == "csv" and out.tell():
                text = text.partition(b"\n")[2]
            left = size - out.tell()
            if left <= len(text):
                out.write(text[: text.rfind(b"\n", 0, left) + 1])
                return
            out.write(text)


def _write_parquet(file: Path, size: int) -> None:
    rows = size // (8 * len(COLUMNS)) // SEGMENT_ROWS * SEGMENT_ROWS
    segments = _segments()
    schema = pa.schema([(name, pa.int64()) for name in COLUMNS])
    with pq.ParquetWriter(file, schema, use_dictionary=False, compression="none") as writer:
        while rows > 0:
            some = min(rows, GROUP_ROWS // SEGMENT_ROWS * SEGMENT_ROWS)
            values = np.concatenate([next(segments) for _ in range(some // SEGMENT_ROWS)])
            writer.write_table(pa.table(list(values.T), names=COLUMNS), row_group_size=some)
            rows -= some


_WRITERS = {
    "csv": lambda file, size: _write_text("csv", file, size),
    "jsonl": lambda file, size: _write_text("jsonl", file, size),
    "parquet": _write_parquet,
}
