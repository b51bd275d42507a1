"""Formats: bodies to rows, predictions to bodies; tables of a batch, read and written in parts.

Predictions are stored as JSON. Every answer is made from it, so a cached answer and a fresh one are
the same bytes in every format.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import ModuleType
from typing import BinaryIO

from inference.errors import MalformedInput, UnacceptableAnswer, UnsupportedType
from inference.limits import Limits
from inference.rows import media_types, row_types
from inference.rows.formats import (
    csv_codec,
    gathering,
    json_codec,
    json_document,
    json_lines,
    npy_codec,
)
from inference.rows.formats.csv_table import CsvTable
from inference.rows.formats.npy_table import NpyTable
from inference.rows.formats.parts import Part, Table, read_whole
from inference.rows.schema import Schema

__all__ = [
    "Part",
    "Table",
    "by_column",
    "decode",
    "encode",
    "open_table",
    "parts",
    "read_whole",
    "unpacked_size",
]


def decode(body: bytes, content_type: str, schema: Schema, *, limits: Limits) -> row_types.Rows:
    """The rows of a whole body in the model's types. Raises CallerError."""
    if not body:
        raise MalformedInput("the body is empty; send rows, for example as JSON {'data': [[…]]}")
    limits.check_bytes(len(body))
    form = media_types.format_of(content_type, body)
    if form == media_types.JSON and json_document.is_short(body):
        return json_document.decode_short(body, schema, limits)
    if form == media_types.PARQUET and schema.kind != "array":
        read: row_types.Rows = by_column(form).decode_typed_parquet(body, schema, limits)
        return read
    return gathering.gather(parts(body, form, schema, limits), schema)


def parts(body: bytes, form: str, schema: Schema, limits: Limits) -> Iterable[gathering.Part]:
    """The rows of a body in one of media_types.FORMATS, part by part. Raises CallerError."""
    if form == media_types.NPY:
        array = npy_codec.decode(body)
        limits.check_rows(len(array) if array.ndim else 0)
        return gathering.number_parts(array, schema)
    if form in media_types.COLUMNAR:
        found: Iterable[gathering.Part] = by_column(form).parts(body, form, schema, limits)
        return found
    if form == media_types.CSV:
        return csv_codec.parts(body, schema, limits)
    if form == media_types.JSON_LINES:
        return json_lines.body_parts(body, schema, limits)
    return json_document.JsonDocument(body, schema, limits, "the body").parts()


def unpacked_size(body: bytes, form: str, *, limits: Limits) -> int:
    """Bytes that a body of media_types.COLUMNAR claims to unpack to, without dictionaries.

    Raises CallerError.
    """
    size: int = by_column(form).unpacked_size(body, form, limits)
    return min(max(size, len(body)), limits.body_bytes)


def encode(predictions: bytes, form: str) -> bytes:
    """Write predictions, kept as JSON, in one of media_types.FORMATS."""
    if form == media_types.JSON:
        return predictions
    values = json_codec.as_list(predictions, form)
    if form == media_types.JSON_LINES:
        return json_codec.encode_lines(values)
    if form in media_types.COLUMNAR:
        try:
            written: bytes = by_column(form).encode(values, form)
        except UnsupportedType as error:
            raise UnacceptableAnswer(
                got=f"{form} without pyarrow", supported=error.supported
            ) from error
        return written
    return csv_codec.encode(values) if form == media_types.CSV else npy_codec.encode(values)


def by_column(form: str) -> ModuleType:
    """inference.rows.formats.columnar. Raises UnsupportedType where pyarrow is not installed."""
    try:
        from inference.rows.formats import columnar  # noqa: PLC0415 - only where such a body comes
    except ModuleNotFoundError as error:
        others = tuple(each for each in media_types.FORMATS if each not in media_types.COLUMNAR)
        why = "needs pyarrow, which is not installed (add it to requirements.txt)"
        raise UnsupportedType(got=form, supported=others, why=why) from error
    return columnar


def open_table(form: str, source: BinaryIO, schema: Schema, limits: Limits) -> Table:
    """The table in `source`, written in `form`, one of media_types.FORMATS.

    CSV, JSON lines and Arrow streams take constant memory. A JSON document and a .npy array are
    read whole, a Parquet file into a temporary file. Each row of the output is the input row and
    its prediction or error. Raises UnsupportedType where pyarrow is needed and not installed.
    """
    if form == media_types.CSV:
        return CsvTable(source, schema)
    if form == media_types.JSON_LINES:
        return json_lines.JsonLinesTable(source, schema)
    if form == media_types.NPY:
        return NpyTable(source, schema, limits)
    if form in media_types.COLUMNAR:
        by_column(form)
        from inference.rows.formats.columnar_table import (  # noqa: PLC0415 - imports pyarrow
            ColumnarTable,
        )

        return ColumnarTable(form, source, schema, limits)
    return json_document.JsonTable(source, schema, limits)
