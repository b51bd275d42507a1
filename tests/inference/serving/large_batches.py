"""Blobs of long rows in every format, and what scoring some at once takes: a process of its own.

`python -m tests.inference.serving.large_batches FOLDER NAME COUNT` scores FOLDER/blob so many
times at once, with the model in FOLDER/model, and prints as JSON what came of each, and the memory
that they took together above what the idle process has.
"""

from __future__ import annotations

import asyncio
import io
import json
import math
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from inference.errors import ScoringError
from inference.request import Request
from inference.rows import media_types
from inference.serving import table_scoring
from inference.serving.scorer import Scorer
from inference.settings import InferenceSettings
from tests.inference.large_bodies import reset_peak, resident

WIDE = 10_000


def repeated(line: bytes, count: int, begin: bytes = b"", end: bytes = b"") -> Iterator[bytes]:
    yield begin
    for _ in range(count):
        yield line
    yield end


def row(columns: int) -> bytes:
    return b",".join([b"0.25"] * columns)


def array(rows: int, columns: int) -> Iterator[bytes]:
    out = io.BytesIO()
    np.save(out, np.zeros((rows, columns)))
    yield out.getvalue()


def columnar(form: str, rows: int, columns: int, batch_rows: int) -> Iterator[bytes]:
    values = np.random.default_rng(1).random((columns, rows))
    table = pa.table({f"c{index}": column for index, column in enumerate(values)})
    out = io.BytesIO()
    if form == media_types.PARQUET:
        pq.write_table(table, out, row_group_size=batch_rows)
    else:
        with pa.ipc.new_stream(out, table.schema) as stream:
            stream.write_table(table, max_chunksize=batch_rows)
    content = out.getvalue()
    for start in range(0, len(content), 1 << 20):
        yield content[start : start + (1 << 20)]


def few_values() -> Iterator[bytes]:
    """Of images, say: its cells take more room than its pages, of which each column has one."""
    values = np.random.default_rng(1).integers(0, 15, (1_000, 160_000), np.uint8)
    out = io.BytesIO()
    pq.write_table(pa.table({f"c{index}": column for index, column in enumerate(values)}), out)
    yield out.getvalue()


CSV, JSON, JSON_LINES, NPY = (
    media_types.CSV,
    media_types.JSON,
    media_types.JSON_LINES,
    media_types.NPY,
)
PARQUET, ARROW = media_types.PARQUET, media_types.ARROW
LIST = b"[" + row(WIDE) + b"]"
#: By name: the format, and what makes the content piece by piece.
BLOBS: dict[str, tuple[str, Callable[[], Iterator[bytes]]]] = {
    "rows of 1.4 million cells": (CSV, lambda: repeated(b"1," * 1_400_000 + b"1\n", 50)),
    "CSV": (CSV, lambda: repeated(row(WIDE) + b"\n", 2_000)),
    "JSON lines": (JSON_LINES, lambda: repeated(LIST + b"\n", 2_000)),
    "JSON": (JSON, lambda: repeated(LIST + b",", 1_900, b"[", LIST + b"]")),
    "npy": (NPY, lambda: array(1_200, WIDE)),
    "too wide Parquet": (PARQUET, lambda: columnar(PARQUET, 200, WIDE, 200)),
    "wide Parquet": (PARQUET, lambda: columnar(PARQUET, 2_600, 4_000, 2_600)),
    "Parquet": (PARQUET, lambda: columnar(PARQUET, 20_000, 500, 20_000)),
    "Parquet of few values": (PARQUET, few_values),
    "Parquet of long pages": (PARQUET, lambda: columnar(PARQUET, 334_000, 64, 334_000)),
    "Arrow": (ARROW, lambda: columnar(ARROW, 1_200, WIDE, 1_200)),
}


async def score(scorer: Scorer, name: str, source: BinaryIO) -> str:
    form, _ = BLOBS[name]
    request = Request(id="1", source="blob", body=b"", content_type=form, deadline=math.inf)
    try:
        report = await table_scoring.score(scorer, request, source, lambda _: None)
    except ScoringError as error:
        return f"{type(error).__name__}: {error}"
    return f"{report.rows} rows, {report.failed} failed"


async def main(folder: Path, name: str, count: int) -> None:
    from cache import keys
    from cache.memory_cache import MemoryCache

    files = [folder / "blob"] * count
    settings = InferenceSettings.from_env(
        {"AZUREML_MODEL_DIR": str(folder / "model"), "CACHE_MODE": "off"}, root=folder
    )
    scorer = Scorer(settings, MemoryCache(max_bytes=1), keys)
    await scorer.script()
    await score(scorer, name, io.BytesIO(b"1\n"))  # what is imported when first needed is idle's
    before, _ = resident()
    reset_peak()
    opened = [file.open("rb") for file in files]
    came = await asyncio.gather(*(score(scorer, name, file) for file in opened))
    print(json.dumps({"came": came, "took": resident()[1] - before}))
    await scorer.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
