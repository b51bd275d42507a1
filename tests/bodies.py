"""Rows written as bodies in every format, by other libraries than the ones that read them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from inference.rows import media_types

#: Of `counted_memory`. Arrow's buffers point to their pool without a reference to it, and a thread
#: may free the last ones after the test has ended, so no pool is freed before the process ends.
_POOLS: list[pa.MemoryPool] = []


def of_numbers(form: str, rows: np.ndarray) -> bytes:
    """A table of numbers without names, or with c0, c1, … where the format must have some."""
    if form == media_types.NPY:
        return npy(rows)
    if form in media_types.COLUMNAR:
        columns = {f"c{index}": column for index, column in enumerate(rows.T)}
        return of_table(form, pa.table(columns))
    return of_cells(form, rows.tolist())


def of_cells(form: str, rows: Sequence[Sequence[Any]]) -> bytes:
    """Lists of JSON's values as JSON, JSON lines or CSV without a header."""
    if form == media_types.JSON:
        return orjson.dumps({"data": rows})
    if form == media_types.JSON_LINES:
        return b"\n".join(map(orjson.dumps, rows))
    return as_csv(rows)


def of_table(form: str, table: pa.Table) -> bytes:
    """Named columns in any format that has names."""
    if form == media_types.PARQUET:
        return parquet(table)
    if form == media_types.ARROW:
        return arrow(table)
    if form == media_types.ARROW_FILE:
        return arrow(table, file=True)
    records = table.to_pylist()
    if form == media_types.JSON:
        return orjson.dumps(records)
    if form == media_types.JSON_LINES:
        return b"\n".join(map(orjson.dumps, records))
    return as_csv([table.column_names, *(list(record.values()) for record in records)])


def as_csv(rows: Sequence[Sequence[Any]]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue().encode()


def npy(array: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


def parquet(table: pa.Table, **options: Any) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out, **options)
    return out.getvalue()


def arrow(
    table: pa.Table,
    *,
    compression: str | None = None,
    rows: int | None = None,
    file: bool = False,
) -> bytes:
    """A stream or a file. `rows`: of each batch."""
    out = io.BytesIO()
    options = pa.ipc.IpcWriteOptions(compression=compression)
    new = pa.ipc.new_file if file else pa.ipc.new_stream
    with new(out, table.schema, options=options) as stream:
        stream.write_table(table, max_chunksize=rows)
    return out.getvalue()


def read_table(form: str, body: bytes) -> pa.Table:
    """A table in one of media_types.COLUMNAR."""
    if form == media_types.PARQUET:
        return pq.read_table(io.BytesIO(body))
    opened = pa.ipc.open_stream if form == media_types.ARROW else pa.ipc.open_file
    return opened(body).read_all()


@contextmanager
def counted_memory() -> Iterator[pa.MemoryPool]:
    """A pool that counts what pyarrow allocates within the block."""
    before = pa.default_memory_pool()
    pool = pa.proxy_memory_pool(before)
    _POOLS.append(pool)
    pa.set_memory_pool(pool)
    try:
        yield pool
    finally:
        pa.set_memory_pool(before)
