"""Rows of JSON on their way to a writer: kept in a temporary file until all are read.

Only then it is known which columns there are, and of which type.
"""

from __future__ import annotations

import io
import tempfile
import weakref
from collections.abc import Iterator
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from inference.errors import InputTooLarge
from inference.rows import media_types
from inference.rows.formats.converted_table import Writer
from inference.rows.formats.json_source import JSON_CELLS
from inference.rows.formats.output_columns import distinct
from inference.rows.formats.parquet_reader import MAX_COLUMNS
from inference.rows.schema import ColumnType, Schema

_EXACT, _DIGITS = 2**53, 20
_KINDS = {'"': "text", "t": "boolean", "f": "boolean", "[": "other", "{": "other"}
_INT64 = range(-(2**63), 2**63)


class SpooledRows:
    """Writes all rows at the end, in `form`, one of media_types.FORMATS.

    In JSON each record has its own members. Other formats have a column for each name.
    """

    def __init__(self, writer: Writer, schema: Schema, form: str) -> None:
        self._writer, self._wanted = writer, _wanted(schema)
        self._is_json = form in (media_types.JSON, media_types.JSON_LINES)
        self._is_typed = form in (media_types.NPY, *media_types.COLUMNAR)
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the table
        weakref.finalize(self, self._file.close)
        self._count = 0
        #: The kinds of the cells, by column.
        self._kinds: dict[str, set[str]] = {}

    def write(self, theirs: pa.RecordBatch, ours: pa.RecordBatch) -> bytes:
        """Raises InputTooLarge for too many columns."""
        for name, column in zip(theirs.schema.names, theirs.columns, strict=True):
            kinds = self._kinds.setdefault(name, set())
            if self._is_typed:
                kinds.update(map(_kind, set(column.to_pylist())))
        if not self._is_json and len(self._kinds) > MAX_COLUMNS:
            limit = "fixed; ask for JSON lines"
            raise InputTooLarge(
                size=len(self._kinds), limit=MAX_COLUMNS, unit="names in its records", setting=limit
            )
        for batch in (theirs, ours):
            out = io.BytesIO()
            with pa.ipc.new_stream(out, batch.schema) as stream:
                stream.write_batch(batch)
            self._file.write(len(out.getvalue()).to_bytes(8, "little") + out.getvalue())
        self._count += 1
        return b""

    def end(self, theirs: pa.Schema, ours: pa.Schema) -> Iterator[bytes]:
        theirs = pa.schema([self._field(name) for name in self._kinds])
        ours = pa.schema(list(zip(distinct(ours.names, theirs.names), ours.types, strict=True)))
        self._file.seek(0)
        for _ in range(self._count):
            batch = self._read()
            read = batch if self._is_json else _conformed(batch, theirs)
            yield self._writer.write(read, self._read().rename_columns(ours.names))
        yield from self._writer.end(theirs, ours)

    def _read(self) -> pa.RecordBatch:
        size = int.from_bytes(self._file.read(8), "little")
        return next(iter(pa.ipc.open_stream(self._file.read(size))))

    def _field(self, name: str) -> pa.Field:
        if not self._is_typed:
            return pa.field(name, pa.large_string(), metadata=JSON_CELLS)
        return pa.field(name, _type_of(self._kinds[name] - {""}, self._wanted.get(name)))


def _conformed(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """The columns of a schema; a record lacks those that its part lacks."""
    if not len(schema):
        return batch
    arrays = [
        _converted(batch.column(field.name), field)
        if field.name in batch.schema.names
        else pa.nulls(len(batch), field.type)
        for field in schema
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _wanted(schema: Schema) -> dict[str, ColumnType]:
    if schema.columns is None:
        return dict.fromkeys(schema.names or (), "number")
    return {column.name: column.type for column in schema.columns}


def _kind(text: str | None) -> str:
    """Of a cell: text, boolean, integer, long, number, other; empty for null."""
    if text is None or text == "null":
        return ""
    if text.lstrip("-").isdecimal():
        return _kind_of_integer(text)
    return _KINDS.get(text[0], "number")


def _kind_of_integer(text: str) -> str:
    if len(text) > _DIGITS or int(text) not in _INT64:
        return "other"
    return "integer" if abs(int(text)) <= _EXACT else "long"


def _type_of(kinds: set[str], wanted: ColumnType | None) -> pa.DataType:
    """The type that holds all cells exactly; a text, where no other one does."""
    if kinds <= {"integer", "number"} and (wanted == "number" or "number" in kinds):
        return pa.float64()
    if kinds and kinds <= {"integer", "long"}:
        return pa.int64()
    return pa.bool_() if kinds == {"boolean"} else pa.string()


def _converted(column: pa.Array, field: pa.Field) -> pa.Array:
    if field.metadata == JSON_CELLS:
        return column
    if pa.types.is_string(field.type):
        return pa.array([_text(cell) for cell in column.to_pylist()], pa.string())
    missing = pc.equal(column, "null")
    return pc.if_else(missing, pa.scalar(None, column.type), column).cast(field.type)


def _text(cell: str | None) -> Any:
    """What a cell is as a text: itself if it is one, else its JSON."""
    if cell is None or cell == "null":
        return None
    return orjson.loads(cell) if cell[0] == '"' else cell
