"""Writes rows that came in another format, or some of their columns, as Parquet or Arrow."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import types

from inference.rows import media_types

#: Of a row group: so many rows, or the first part beyond so many bytes.
GROUP_ROWS, GROUP_BYTES = 64 * 1024, 16 * 1024 * 1024


class ParquetRows:
    """Row groups of some MB each."""

    def __init__(self) -> None:
        self._out = io.BytesIO()
        self._writer: pq.ParquetWriter | None = None
        self._group: list[pa.RecordBatch] = []
        self._rows = self._bytes = 0

    def write(self, theirs: pa.RecordBatch, ours: pa.RecordBatch) -> bytes:
        batch = _joined(theirs, ours)
        self._group.append(batch)
        self._rows += len(batch)
        self._bytes += batch.nbytes
        if self._rows < GROUP_ROWS and self._bytes < GROUP_BYTES:
            return b""
        self._write_group(batch.schema)
        return _taken(self._out)

    def end(self, theirs: pa.Schema, ours: pa.Schema) -> Iterator[bytes]:
        schema = _schema(theirs, ours)
        self._write_group(schema)
        self._open(schema).close()
        yield _taken(self._out)

    def _write_group(self, schema: pa.Schema) -> None:
        if self._rows:
            table = pa.Table.from_batches(self._group)
            self._open(schema).write_table(table, row_group_size=self._rows)
            self._group, self._rows, self._bytes = [], 0, 0

    def _open(self, schema: pa.Schema) -> pq.ParquetWriter:
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._out, schema)
        return self._writer


class ArrowRows:
    """A stream, or a file, which can't replace a dictionary: categories become their values."""

    def __init__(self, form: str, compression: str | None = None) -> None:
        self._out, self._form = io.BytesIO(), form
        self._options = pa.ipc.IpcWriteOptions(compression=compression)
        self._writer: pa.RecordBatchStreamWriter | None = None

    def write(self, theirs: pa.RecordBatch, ours: pa.RecordBatch) -> bytes:
        batch = _joined(theirs, ours)
        batch = batch.cast(self._plain(batch.schema))
        self._open(batch.schema).write_batch(batch)
        return _taken(self._out)

    def end(self, theirs: pa.Schema, ours: pa.Schema) -> Iterator[bytes]:
        self._open(self._plain(_schema(theirs, ours))).close()
        yield _taken(self._out)

    def _open(self, schema: pa.Schema) -> pa.RecordBatchStreamWriter:
        if self._writer is None:
            new = pa.ipc.new_stream if self._form == media_types.ARROW else pa.ipc.new_file
            self._writer = new(self._out, schema, options=self._options)
        return self._writer

    def _plain(self, schema: pa.Schema) -> pa.Schema:
        if self._form == media_types.ARROW:
            return schema
        return pa.schema([_plain_field(field) for field in schema], schema.metadata)


def _plain_field(field: pa.Field) -> pa.Field:
    return field.with_type(field.type.value_type) if types.is_dictionary(field.type) else field


def _joined(theirs: pa.RecordBatch, ours: pa.RecordBatch) -> pa.RecordBatch:
    arrays = [*theirs.columns, *ours.columns]
    return pa.RecordBatch.from_arrays(arrays, schema=_schema(theirs.schema, ours.schema))


def _schema(theirs: pa.Schema, ours: pa.Schema) -> pa.Schema:
    return pa.schema([*theirs, *ours], theirs.metadata)


def _taken(out: io.BytesIO) -> bytes:
    """What was written since the last call."""
    written = out.getvalue()
    out.seek(0)
    out.truncate()
    return written
