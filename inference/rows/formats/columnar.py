"""Rows from the columns of a Parquet file or an Arrow stream; predictions as such a column.

This module needs pyarrow, an optional package, and is imported when the first such body comes.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import types

from inference.errors import UnacceptableAnswer
from inference.limits import Limits
from inference.rows import media_types, numeric, typed_cells, typed_columns
from inference.rows.formats import column_batches, column_types, parquet_layout
from inference.rows.formats.arrow_messages import BodySource, Messages
from inference.rows.formats.column_batches import ParquetBody
from inference.rows.formats.gathering import Part
from inference.rows.row_types import Array, Row, Rows
from inference.rows.schema import Schema
from inference.rows.typed_columns import ColumnReader, ReadColumn
from inference.rows.typed_rows import TypedRows, TypedRowsBuilder


class ColumnsPart(Part):
    """Some rows of the model's columns, in its order."""

    def __init__(self, batch: pa.RecordBatch) -> None:
        self.batch = batch

    def coerce(self, schema: Schema, *, first: int) -> Rows:
        return coerce(self.batch, schema, first=first)


def parts(body: bytes, form: str, schema: Schema, limits: Limits) -> Iterator[ColumnsPart]:
    """The rows of a whole body; all columns if the schema has no names. Raises CallerError."""
    size = limits.body_bytes
    if form == media_types.PARQUET:
        parquet = ParquetBody(body, schema.names, max_rows=limits.rows, max_bytes=size)
        batches = parquet.parts()
    else:
        batches = column_batches.of_arrow(BodySource(body), max_bytes=size)
    count, room = 0, size
    for batch in batches:
        chosen = choose(batch, schema)
        count += len(chosen)
        limits.check_rows(count, at_least=True)
        room -= column_types.check_room(chosen, room)
        yield ColumnsPart(chosen)
    limits.check_rows(count)


def decode_typed_parquet(body: bytes, schema: Schema, limits: Limits) -> Rows:
    """The rows of a whole Parquet body as typed columns. Raises CallerError.

    One column is read after the other: pyarrow keeps a hundred bytes of each distinct text of
    every column that it reads at the same time.
    """
    room = limits.body_bytes
    parquet = ParquetBody(body, schema.names, max_rows=limits.rows, max_bytes=room)
    known = typed_columns.readers(schema, text=False)
    read: list[ReadColumn] = []
    for name, reader in zip(_chosen(list(parquet.fields), schema), known, strict=True):
        wrong: dict[int, object] = {}
        builder = TypedRowsBuilder()
        for batch in parquet.parts([name]):
            room -= column_types.check_room(batch, room)
            column, cells = _read(reader, name, batch.column(0))
            wrong |= {len(builder) + position: cell for position, cell in cells.items()}
            builder.append(TypedRows([column]))
        limits.check_rows(len(builder))
        read.append((builder.rows().columns[0], wrong))
    return typed_cells.rows_of(read, schema)


def unpacked_size(body: bytes, form: str, limits: Limits) -> int:
    """Bytes of a body's cells, as it claims. Raises CallerError."""
    if form == media_types.ARROW:
        return Messages(BodySource(body), limits.body_bytes).unpacked_size()
    groups = parquet_layout.groups(body)
    return sum(group.rows * len(group.chunks) for group in groups) * column_types.CELL_BYTES


def choose(batch: pa.RecordBatch, schema: Schema) -> pa.RecordBatch:
    """The model's columns in its order. Raises UnfitInput."""
    if schema.names is None:
        return batch
    return batch.select(_chosen(batch.schema.names, schema))


def _chosen(columns: Sequence[str], schema: Schema) -> Sequence[str]:
    """The names of the model's columns in its order. Raises UnfitInput."""
    schema.order(columns)
    return schema.names or ()


def coerce(batch: pa.RecordBatch, schema: Schema, *, first: int = 0) -> Rows:
    """Convert columns, selected by `choose`, to the model's types. Raises UnfitInput."""
    if schema.kind == "array":
        return numeric.coerce_columns(_numeric_columns(batch), schema, first=first)
    known = typed_columns.readers(schema, text=False)
    named = zip(known, batch.schema.names, batch.columns, strict=True)
    read = [_read(reader, name, column) for reader, name, column in named]
    return typed_cells.rows_of(read, schema, first=first)


def _numeric_columns(batch: pa.RecordBatch) -> list[Array]:
    named = zip(batch.schema.names, batch.columns, strict=True)
    return [_numbers(name, column) for name, column in named]


def rows(batch: pa.RecordBatch) -> list[Row]:
    """A batch's rows as Python objects. Raises UnfitInput for a type that JSON lacks."""
    named = zip(batch.schema.names, batch.columns, strict=True)
    return list(zip(*(_cells(name, column) for name, column in named), strict=True))


def _numbers(name: str, column: Any) -> Array:
    """A column as an array; missing cells are NaN."""
    kind = column_types.plain(column.type)
    if types.is_null(kind):
        return np.full(len(column), np.nan)
    if types.is_boolean(kind):
        column = column.cast(kind).cast(pa.uint8())
    elif types.is_integer(kind) or types.is_floating(kind):
        column = column.cast(kind)
    else:
        raise column_types.unfit(name, column.type)
    numbers: Array = column.to_numpy(zero_copy_only=False)
    return numbers


def _read(reader: ColumnReader, name: str, column: Any) -> ReadColumn:
    kind = column_types.plain(column.type)
    if reader.takes_numbers and (types.is_integer(kind) or types.is_floating(kind)):
        numbers = _numbers(name, column)
        if not (column.null_count and types.is_integer(kind)):  # with gaps they are floats by now
            return typed_cells.read_numbers(numbers, reader)
    if reader.feature.type == "date" and (types.is_timestamp(kind) or types.is_date(kind)):
        return reader.read(_iso_texts(column, kind))
    return reader.read(_cells(name, column))


def _iso_texts(column: Any, kind: pa.DataType) -> list[object]:
    zone = getattr(kind, "tz", None)
    moments = column.cast(pa.timestamp("us", zone)).to_pylist()
    return [moment and moment.isoformat() for moment in moments]


def _cells(name: str, column: Any) -> list[object]:
    kind = column_types.plain(column.type)
    known = (types.is_null, types.is_boolean, types.is_integer, types.is_floating)
    if not column_types.is_text(kind) and not any(each(kind) for each in known):
        raise column_types.unfit(name, column.type)
    values: list[object] = column.cast(kind).to_pylist()
    return values


def encode(predictions: list[Any], form: str) -> bytes:
    """One column, `prediction`. Raises UnacceptableAnswer if its values differ in type."""
    return encode_columns({"prediction": predictions}, form)


def encode_columns(columns: Mapping[str, Sequence[Any]], form: str) -> bytes:
    """Named columns. Raises UnacceptableAnswer if the values of one differ in type."""
    try:
        table = pa.table({name: column_of(values) for name, values in columns.items()})
    except (pa.ArrowException, OverflowError) as error:
        raise UnacceptableAnswer(got=form, supported=(media_types.JSON,)) from error
    out = io.BytesIO()
    if form == media_types.PARQUET:
        pq.write_table(table, out)
    else:
        with pa.ipc.new_stream(out, table.schema) as stream:
            stream.write_table(table)
    return out.getvalue()


def column_of(predictions: Sequence[Any], kind: pa.DataType | None = None) -> pa.Array:
    """Predictions as a column of the type `kind`, or else of the narrowest type that holds them.

    Raises ArrowException, OverflowError.
    """
    try:
        return pa.array(predictions, kind)
    except OverflowError:  # pyarrow infers no unsigned type
        return pa.array(predictions, _unsigned(predictions))


def _unsigned(values: Sequence[Any]) -> pa.DataType:
    first = next((value for value in values if value is not None), None)
    return pa.list_(_unsigned(first)) if isinstance(first, list) else pa.uint64()
