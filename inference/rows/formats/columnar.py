"""Parquet and Arrow: bodies to rows, predictions to bodies.

It needs pyarrow, and is imported when the first such body comes.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from inference.errors import UnacceptableAnswer
from inference.limits import Limits
from inference.rows import media_types, typed_cells, typed_columns
from inference.rows.formats import (
    arrow_columns,
    column_types,
    measured_footers,
    parquet_layout,
)
from inference.rows.formats.arrow_messages import BodySource, Messages
from inference.rows.formats.arrow_reader import ArrowReader
from inference.rows.formats.model_columns import ColumnsPart, max_body_columns
from inference.rows.formats.output_columns import PREDICTION_ALONE, OutputColumns
from inference.rows.formats.parquet_reader import ParquetReader
from inference.rows.formats.prediction_columns import column_of
from inference.rows.row_types import Rows
from inference.rows.schema import Schema
from inference.rows.turns import in_turns
from inference.rows.typed_columns import ReadColumn
from inference.rows.typed_rows import TypedRows, TypedRowsBuilder


def parts(body: bytes, form: str, schema: Schema, limits: Limits) -> Iterator[ColumnsPart]:
    """The rows of a whole body, which has the limits of a body. Raises CallerError."""
    if form == media_types.PARQUET:
        reader: ParquetReader | ArrowReader = ParquetReader(pa.BufferReader(body), schema, limits)
    else:
        most = max_body_columns(schema)
        reader = ArrowReader(BodySource(body), schema, limits, max_columns=most)
    count, room = 0, limits.body_bytes
    for part in reader.parts():
        count += len(part.batch)
        limits.check_rows(count, at_least=True)
        room -= column_types.check_room(part.batch, room, fixed=reader.is_fixed)
        yield part


def decode_typed_parquet(body: bytes, schema: Schema, limits: Limits) -> Rows:
    """The rows of a whole Parquet body as typed columns. Raises CallerError.

    One column is read after the other: pyarrow keeps a hundred bytes of each distinct text of
    every column that it reads at the same time.
    """
    room = limits.body_bytes
    parquet = ParquetReader(pa.BufferReader(body), schema, limits)
    known = typed_columns.readers(schema, text=False)
    read: list[ReadColumn] = []
    for name, reader in zip(parquet.fields, known, strict=True):
        wrong: dict[int, object] = {}
        builder = TypedRowsBuilder()
        for batch in in_turns(parquet.batches([name])):
            room -= column_types.check_room(batch, room)
            column, cells = arrow_columns.read(reader, name, batch.column(0))
            wrong |= {len(builder) + position: cell for position, cell in cells.items()}
            builder.append(TypedRows([column]))
        found = builder.rows().columns or reader.read([])[:1]
        read.append((found[0], wrong))
    return typed_cells.rows_of(read, schema)


def unpacked_size(body: bytes, form: str, limits: Limits) -> int:
    """Bytes of a body's cells, as it claims. Raises CallerError."""
    if form != media_types.PARQUET:
        return Messages(BodySource(body), limits.body_bytes).unpacked_size()
    groups = measured_footers.measure(parquet_layout.read_footer(pa.BufferReader(body)))
    return sum(group.rows * len(group.chunks) for group in groups) * column_types.CELL_BYTES


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
