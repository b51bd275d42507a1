"""Bodies of every format at their largest, and what they take: for tests, and as a process.

`python -m tests.inference.large_bodies NAME SIZE` reads one, and prints as JSON its unpacked bytes,
its cells, what came of it, seconds, and the memory that it took, the body itself included.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from inference.rows import media_types
from inference.rows.schema import ColumnType, Schema
from tests import bodies
from tests.schemas import frame

COLUMNS = 64
Made = tuple[bytes, str]
NAMES = tuple(f"c{index}" for index in range(COLUMNS))


def numbers(rows: int, columns: int = COLUMNS) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 17, (rows, columns))


def table(rows: int, dtype: str = "f8") -> pa.Table:
    values = numbers(rows).astype(dtype)
    return pa.table({f"c{index}": values[:, index] for index in range(COLUMNS)})


def wide_table(columns: int) -> pa.Table:
    """One row of so many columns."""
    return pa.table([pa.array([1.0])] * columns, names=[f"k{index}" for index in range(columns)])


def npy(values: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, values)
    return out.getvalue()


def lines(values: np.ndarray, write: Callable[[list[int]], bytes]) -> bytes:
    return b"\n".join(map(write, values.tolist()))


def csv_line(row: list[int]) -> bytes:
    return ",".join(map(str, row)).encode()


def records(rows: int) -> bytes:
    return orjson.dumps(
        [{f"c{i}": cell for i, cell in enumerate(row)} for row in numbers(rows).tolist()]
    )


def tensor(rows: int, data: object = None) -> bytes:
    given = numbers(rows).ravel().tolist() if data is None else data
    shape = [rows, COLUMNS]
    return orjson.dumps(
        {"inputs": [{"name": "x", "datatype": "FP64", "shape": shape, "data": given}]}
    )


#: By name: a body of so many rows, and its content type.
FORMATS: dict[str, Callable[[int], Made]] = {
    "json": lambda n: (orjson.dumps(numbers(n).tolist()), media_types.JSON),
    "json data": lambda n: (
        orjson.dumps({"data": numbers(n).astype(float).tolist()}),
        media_types.JSON,
    ),
    "records": lambda n: (records(n), media_types.JSON),
    "one column": lambda n: (b"[" + b",".join([b"[1]"] * n) + b"]", media_types.JSON),
    "json lines": lambda n: (lines(numbers(n), orjson.dumps), media_types.JSON_LINES),
    "csv": lambda n: (lines(numbers(n), csv_line), media_types.CSV),
    "npy": lambda n: (npy(numbers(n).astype(float)), media_types.NPY),
    "npy of bytes": lambda n: (npy(numbers(n).astype("i1")), media_types.NPY),
    "npy by column": lambda n: (
        npy(np.asfortranarray(numbers(n).astype(float))),
        media_types.NPY,
    ),
    "parquet": lambda n: (bodies.of_table(media_types.PARQUET, table(n)), media_types.PARQUET),
    "parquet of zeros": lambda n: (
        bodies.parquet(
            pa.table({f"c{i}": np.zeros(n, np.int8) for i in range(COLUMNS)}), compression="zstd"
        ),
        media_types.PARQUET,
    ),
    "arrow": lambda n: (bodies.of_table(media_types.ARROW, table(n)), media_types.ARROW),
}
#: Cells of each kind that take the most memory for their bytes, by row and column.
CELLS: dict[str, tuple[tuple[ColumnType, ...], Callable[[int, int], object]]] = {
    "two digits": (("number",), lambda row, column: 10 + (row + column) % 90),
    "short texts": (("text",), lambda row, column: f"{row * COLUMNS + column:05x}"[-5:]),
    "booleans": (("boolean",), lambda row, column: (row + column) % 3 > 0),
    "nothing": (("text",), lambda row, column: None),
}


def typed_schema(name: str) -> Schema:
    """The schema of a model for such a body."""
    types, _ = CELLS[name.partition(": ")[2]]
    return frame(NAMES, (types * COLUMNS)[:COLUMNS], missing=True)


def typed_rows(cells: str, rows: int) -> list[list[object]]:
    _, cell = CELLS[cells]
    return [[cell(row, column) for column in range(COLUMNS)] for row in range(rows)]


def csv_of(rows: list[list[object]]) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([NAMES, *rows])
    return out.getvalue().encode()


def table_of(cells: str, rows: list[list[object]]) -> pa.Table:
    kinds: dict[ColumnType, pa.DataType] = {
        "number": pa.float64(),
        "text": pa.string(),
        "boolean": pa.bool_(),
    }
    types = typed_schema(f": {cells}").types or ()
    columns = zip(NAMES, types, zip(*rows, strict=True), strict=True)
    return pa.table({name: pa.array(column, kinds[kind]) for name, kind, column in columns})


#: Ways to write such rows, by name.
TYPED_FORMATS: dict[str, tuple[str, Callable[[str, list[list[object]]], bytes]]] = {
    "typed records": (
        media_types.JSON,
        lambda _, rows: orjson.dumps([dict(zip(NAMES, row, strict=True)) for row in rows]),
    ),
    "typed lists": (media_types.JSON, lambda _, rows: orjson.dumps(rows)),
    "typed lines": (media_types.JSON_LINES, lambda _, rows: b"\n".join(map(orjson.dumps, rows))),
    "typed csv": (media_types.CSV, lambda _, rows: csv_of(rows)),
    "typed parquet": (
        media_types.PARQUET,
        lambda cells, rows: bodies.parquet(table_of(cells, rows)),
    ),
    "typed arrow": (
        media_types.ARROW,
        lambda cells, rows: bodies.of_table(media_types.ARROW, table_of(cells, rows)),
    ),
}
#: As FORMATS, for models of typed columns: each format with each kind of cells.
TYPED = tuple(f"{form}: {cells}" for form in TYPED_FORMATS for cells in CELLS)


def typed(name: str, rows: int) -> Made:
    form, _, cells = name.partition(": ")
    kind, write = TYPED_FORMATS[form]
    return write(cells, typed_rows(cells, rows)), kind


#: As above, but hostile bodies, of so many bytes.
HOSTILE: dict[str, Callable[[int], Made]] = {
    "empty lists": lambda n: (b"[" + b",".join([b"[]"] * (n // 3)) + b"]", media_types.JSON),
    "flat numbers": lambda n: (b"[" + b",".join([b"1"] * (n // 2)) + b"]", media_types.JSON),
    "one row": lambda n: (b"[[" + b",".join([b"1"] * (n // 2)) + b"]]", media_types.JSON),
    "one text": lambda n: (b'[["' + b"\\n" * (n // 2) + b'"]]', media_types.JSON),
    "deep": lambda n: (b"[" * n, media_types.JSON),
    "deep and closed": lambda n: (b"[" * (n // 2) + b"]" * (n // 2), media_types.JSON),
    "spaces": lambda n: (b"[" + b" " * n + b"]", media_types.JSON),
    "many names": lambda n: (
        b"{" + b",".join([b'"a":1'] * (n // 6)) + b"}",
        media_types.JSON,
    ),
    "one CSV row": lambda n: (b"1," * (n // 2), media_types.CSV),
    "one cell": lambda n: (b"1" * n, media_types.CSV),
    "one cell of signs": lambda n: (b"-" * n, media_types.CSV),
    "quoted without end": lambda n: (b'"a\n",' * (n // 5), media_types.CSV),
    "a quote around short lines": lambda n: (b'"' + b"1\n" * (n // 2), media_types.CSV),
    "CSV lines": lambda n: (b"1\n" * (n // 2), media_types.CSV),
    "blank CSV lines": lambda n: (b"\n" * n, media_types.CSV),
    "JSON lines": lambda n: (b"1\n" * (n // 2), media_types.JSON_LINES),
    "blank JSON lines": lambda n: (b"\n" * n, media_types.JSON_LINES),
    "one JSON line": lambda n: (b"[" + b"1," * (n // 2), media_types.JSON_LINES),
    "Arrow columns": lambda n: (
        bodies.of_table(media_types.ARROW, wide_table(n // 105)),
        media_types.ARROW,
    ),
    "Parquet columns": lambda n: (
        bodies.of_table(media_types.PARQUET, wide_table(n // 290)),
        media_types.PARQUET,
    ),
    "npy of many rows": lambda n: (npy(np.zeros((n, 1), np.int8)), media_types.NPY),
}


def made(name: str, size: int) -> Made:
    return typed(name, size) if name in TYPED else (FORMATS | HOSTILE)[name](size)


def model(parent: Path, columns: int = COLUMNS, name: str = "tree") -> Path:
    """The folder of a model that takes so many numbers, and almost no time."""
    import joblib
    from sklearn.tree import DecisionTreeClassifier

    from deploy import manifest
    from inference.models import manifest_file

    folder = parent / name
    folder.mkdir()
    rows = numbers(50, columns)
    tree = DecisionTreeClassifier(max_depth=2).fit(rows, rows[:, 0] > 8)
    joblib.dump(tree, folder / "model.joblib")
    manifest_file.write(folder, manifest.describe(folder))
    return folder


def packed(body: bytes) -> bytes:
    return gzip.compress(body, 1)


def resident() -> tuple[int, int]:
    """The resident memory of this process in bytes, now and at its peak."""
    status = Path("/proc/self/status").read_text()
    now, most = (re.search(rf"{name}:\s+(\d+) kB", status) for name in ("VmRSS", "VmHWM"))
    assert now
    assert most
    return int(now[1]) * 1024, int(most[1]) * 1024


def reset_peak() -> None:
    """Reset the peak of this process's memory."""
    Path("/proc/self/clear_refs").write_text("5")


def read(file: Path, kind: str, schema: Schema) -> dict[str, object]:
    from inference.errors import CallerError
    from inference.rows import formats
    from inference.settings import InferenceSettings

    limits = InferenceSettings(model_dir=Path()).limits
    # Load lazy imports first: their memory is not the body's.
    for small in (made("csv", 2), made("json", 2), made("parquet", 2), made("arrow", 2)):
        formats.decode(*small, Schema(), limits=limits)
    before, _ = resident()
    body = file.read_bytes()
    reset_peak()
    began = time.process_time()
    cells = 0
    try:
        cells = formats.decode(body, kind, schema, limits=limits).require_valid().size
        came = "rows"
    except CallerError as error:
        came = f"{type(error).__name__}: {error}"
    seconds = time.process_time() - began
    took = resident()[1] - before
    parquet = kind == media_types.PARQUET and came == "rows"
    # Without threads: Arrow's may still run when the process ends, which aborts it.
    whole = (
        pq.read_table(io.BytesIO(body), use_threads=False, pre_buffer=False) if parquet else None
    )
    unpacked = len(body) if whole is None else whole.nbytes
    return {"bytes": unpacked, "cells": cells, "came": came, "seconds": seconds, "took": took}


def main() -> None:
    if sys.argv[1] == "read":
        schema = typed_schema(sys.argv[4]) if sys.argv[4] in TYPED else Schema()
        print(json.dumps(read(Path(sys.argv[2]), sys.argv[3], schema)))
        return
    body, kind = made(sys.argv[1], int(sys.argv[2]))
    with tempfile.NamedTemporaryFile(delete=False) as file:
        file.write(body)
    # In another process, because free memory left from making the body would hide the peak.
    again = [sys.executable, "-m", "tests.inference.large_bodies", "read", file.name, kind]
    again.append(sys.argv[1])
    try:
        sys.exit(subprocess.run(again, check=False).returncode)
    finally:
        Path(file.name).unlink()


if __name__ == "__main__":
    main()
