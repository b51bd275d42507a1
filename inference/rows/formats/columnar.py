"""Rows from the columns of Parquet and Arrow bodies; predictions as such a column.

It needs pyarrow, and is imported when the first such body comes.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from inference.errors import UnacceptableAnswer
from inference.limits import Limits
from inference.rows import media_types, numeric, typed_cells, typed_columns
from inference.rows.formats import arrow_columns, column_types, parquet_layout
from inference.rows.formats.arrow_messages import BodySource, Messages
from inference.rows.formats.column_batches import ArrowBody, ParquetBody
from inference.rows.formats.gathering import Part
from inference.rows.formats.output_columns import PREDICTION_ALONE, OutputColumns
from inference.rows.formats.prediction_columns import column_of
from inference.rows.row_types import Row, Rows
from inference.rows.schema import Schema, require_once
from inference.rows.typed_columns import ReadColumn
from inference.rows.typed_rows import TypedRows, TypedRowsBuilder

#: Columns in which pandas stores the index of a frame that has no names for it.
_INDEX = re.compile(r"__index_level_\d+__|Unnamed: 0|")


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
        chosen = chooser(schema)
        batches = ParquetBody(body, chosen, limits=limits).parts()
    else:
        arrow = ArrowBody(BodySource(body), max_bytes=size)
        batches = (choose(batch, schema) for batch in arrow.parts())
    count, room = 0, size
    for batch in batches:
        count += len(batch)
        limits.check_rows(count, at_least=True)
        room -= column_types.check_room(batch, room)
        yield ColumnsPart(batch)
    limits.check_rows(count)


def decode_typed_parquet(body: bytes, schema: Schema, limits: Limits) -> Rows:
    """The rows of a whole Parquet body as typed columns. Raises CallerError.

    One column is read after the other: pyarrow keeps a hundred bytes of each distinct text of
    every column that it reads at the same time.
    """
    room = limits.body_bytes
    parquet = ParquetBody(body, chooser(schema), limits=limits)
    known = typed_columns.readers(schema, text=False)
    read: list[ReadColumn] = []
    for name, reader in zip(parquet.fields, known, strict=True):
        wrong: dict[int, object] = {}
        builder = TypedRowsBuilder()
        for batch in parquet.parts([name]):
            room -= column_types.check_room(batch, room)
            column, cells = arrow_columns.read(reader, name, batch.column(0))
            wrong |= {len(builder) + position: cell for position, cell in cells.items()}
            builder.append(TypedRows([column]))
        limits.check_rows(len(builder))
        read.append((builder.rows().columns[0], wrong))
    return typed_cells.rows_of(read, schema)


def unpacked_size(body: bytes, form: str, limits: Limits) -> int:
    """Bytes of a body's cells, as it claims. Raises CallerError."""
    if form != media_types.PARQUET:
        return Messages(BodySource(body), limits.body_bytes).unpacked_size()
    groups = parquet_layout.groups(body)
    return sum(group.rows * len(group.chunks) for group in groups) * column_types.CELL_BYTES


def chooser(schema: Schema) -> Callable[[Sequence[str]], Sequence[str]]:
    """Picks the names of the model's columns, in its order, of all names. It raises UnfitInput."""
    return partial(_chosen, schema)


def choose(batch: pa.RecordBatch, schema: Schema) -> pa.RecordBatch:
    """The model's columns in its order. Raises UnfitInput."""
    chosen = batch.select(_chosen(schema, batch.schema.names))
    column_types.require_flat(dict(zip(chosen.schema.names, chosen.schema.types, strict=True)))
    return chosen


def _chosen(schema: Schema, names: Sequence[str]) -> Sequence[str]:
    """All names but that of pandas' index, if the model's columns have none."""
    if schema.names is not None:
        schema.order(names)
        return schema.names_among(names)
    require_once(names, names)
    return [name for name in names if not _INDEX.fullmatch(name)]


def coerce(batch: pa.RecordBatch, schema: Schema, *, first: int = 0) -> Rows:
    """Convert columns, selected by `choose`, to the model's types. Raises UnfitInput."""
    named = zip(batch.schema.names, batch.columns, strict=True)
    if schema.kind == "array":
        columns = [arrow_columns.numbers(name, column) for name, column in named]
        return numeric.coerce_columns(columns, schema, first=first)
    known = typed_columns.readers(schema, text=False)
    read = [
        arrow_columns.read(reader, name, column)
        for reader, (name, column) in zip(known, named, strict=True)
    ]
    return typed_cells.rows_of(read, schema, first=first)


def rows(batch: pa.RecordBatch) -> list[Row]:
    """A batch's rows as Python objects. Raises UnfitInput for a type that JSON lacks."""
    named = zip(batch.schema.names, batch.columns, strict=True)
    return list(zip(*(arrow_columns.cells(name, column) for name, column in named), strict=True))


def encode(predictions: list[Any], form: str, columns: OutputColumns = PREDICTION_ALONE) -> bytes:
    """One column, `prediction`. Raises UnacceptableAnswer if its values differ in type."""
    return encode_columns({columns.names.prediction: predictions}, form)


def encode_columns(columns: Mapping[str, Sequence[Any]], form: str) -> bytes:
    """Named columns. Raises UnacceptableAnswer if the values of one differ in type."""
    try:
        table = pa.table({name: column_of(values) for name, values in columns.items()})
    except (pa.ArrowException, OverflowError) as error:
        raise UnacceptableAnswer(got=form, supported=(media_types.JSON,)) from error
    out = io.BytesIO()
    if form == media_types.PARQUET:
        pq.write_table(table, out)
        return out.getvalue()
    new = pa.ipc.new_stream if form == media_types.ARROW else pa.ipc.new_file
    with new(out, table.schema) as stream:
        stream.write_table(table)
    return out.getvalue()
