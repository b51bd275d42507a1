"""Formats: bodies to rows, predictions to bodies; tables of a batch, read and written in parts.

Predictions are stored as JSON. Every answer is made from it, so a cached answer and a fresh one are
the same bytes in every format.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import ModuleType
from typing import BinaryIO

from inference.errors import MalformedInput
from inference.limits import Limits
from inference.rows import charsets, media_types, row_types
from inference.rows.formats import (
    csv_reader,
    csv_writer,
    gathering,
    json_codec,
    json_document,
    json_lines,
    npy_codec,
    npy_reader,
)
from inference.rows.formats.csv_table import CsvTable
from inference.rows.formats.npy_table import NpyTable
from inference.rows.formats.output_columns import PREDICTION_ALONE, OutputColumns
from inference.rows.formats.parts import Part, Table, read_whole
from inference.rows.output_options import AS_IT_CAME, OutputOptions
from inference.rows.schema import Schema
from inference.rows.text_options import UNSAID, TextOptions, options_of

__all__ = [
    "Part",
    "Table",
    "decode",
    "encode",
    "load_columnar",
    "open_table",
    "parts",
    "read_whole",
    "unpacked_size",
]


#: An empty text is one without rows. In all other formats it is cut short.
_LINES = (media_types.CSV, media_types.JSON_LINES)


def decode(body: bytes, content_type: str, schema: Schema, *, limits: Limits) -> row_types.Rows:
    """The rows of a whole body in the model's types. Raises CallerError."""
    limits.check_bytes(len(body))
    form = media_types.format_of(content_type, body)
    options = UNSAID
    if form in media_types.TEXTS:
        options = options_of(content_type)
        body = charsets.to_utf8(body, options.charset, limits=limits)
    if form not in _LINES and not body:
        raise MalformedInput("the body is empty; send rows, for example as JSON {'data': [[…]]}")
    if form == media_types.JSON:
        if json_document.is_short(body):
            return json_document.decode_short(body, schema, limits)
        if schema.kind == "array":  # the fast path for most long bodies
            numbers = json_document.decode_long(body, schema, limits)
            if numbers is not None:
                return numbers
    if form == media_types.PARQUET and schema.kind != "array":
        read: row_types.Rows = load_columnar().decode_typed_parquet(body, schema, limits)
        return read
    return gathering.gather(parts(body, form, schema, limits, options), schema)


def parts(
    body: bytes, form: str, schema: Schema, limits: Limits, options: TextOptions = UNSAID
) -> Iterable[gathering.Part]:
    """The rows of a body in one of media_types.FORMATS, part by part. Raises CallerError."""
    if form == media_types.NPY:
        array = npy_reader.of_body(body)
        limits.check_rows(len(array), at_least=True)
        return array.parts(schema, whole=True)
    if form in media_types.COLUMNAR:
        found: Iterable[gathering.Part] = load_columnar().parts(body, form, schema, limits)
        return found
    if form == media_types.CSV:
        return csv_reader.parts(body, schema, limits, options)
    if form == media_types.JSON_LINES:
        return json_lines.body_parts(body, schema, limits)
    return json_document.JsonDocument(body, schema, limits, "the body").parts()


def unpacked_size(body: bytes, form: str, *, limits: Limits) -> int:
    """Bytes that a body of media_types.COLUMNAR claims to unpack to, without dictionaries.

    Raises CallerError.
    """
    size: int = load_columnar().unpacked_size(body, form, limits)
    return min(max(size, len(body)), limits.body_bytes)


def encode(predictions: bytes, form: str, columns: OutputColumns = PREDICTION_ALONE) -> bytes:
    """Write predictions, kept as JSON, in one of media_types.FORMATS."""
    if form == media_types.JSON:
        return predictions
    values = json_codec.as_list(predictions, form)
    if form == media_types.JSON_LINES:
        return json_codec.encode_lines(values)
    if form in media_types.COLUMNAR:
        written: bytes = load_columnar().encode(values, form, columns)
        return written
    if form == media_types.CSV:
        return csv_writer.encode(values, columns)
    return npy_codec.encode(values)


def load_columnar() -> ModuleType:
    """inference.rows.formats.columnar, which imports pyarrow."""
    from inference.rows.formats import columnar  # noqa: PLC0415 - only where it is needed

    return columnar


def open_table(
    content_type: str,
    source: BinaryIO,
    schema: Schema,
    limits: Limits,
    columns: OutputColumns = PREDICTION_ALONE,
    output: OutputOptions = AS_IT_CAME,
) -> Table:
    """The table in `source`, whose content type says its format, and how a text is written.

    All take constant memory, but a JSON document, which is read whole. A Parquet file and a .npy
    array are stored in a temporary file first. Each row of the output is the input row and
    its prediction or error. Raises UnsupportedType.
    """
    form = media_types.format_of(content_type, b"")
    options = UNSAID
    if form in media_types.TEXTS:
        options = options_of(content_type)
        source = charsets.as_utf8(source, options.charset)
    schema = schema.ignoring(output.ignore) if output.ignore else schema
    if _is_converted(form, output):
        from inference.rows.formats.conversion import (  # noqa: PLC0415 - imports pyarrow
            convert,
        )

        return convert(form, source, schema, limits, columns, output, options)
    if form == media_types.CSV:
        return CsvTable(source, schema, options, columns, output)
    if form == media_types.JSON_LINES:
        return json_lines.JsonLinesTable(source, schema, columns, output)
    return _table(form)(source, schema, limits, columns, output)


def _table(form: str) -> Callable[[BinaryIO, Schema, Limits, OutputColumns, OutputOptions], Table]:
    if form == media_types.NPY:
        return NpyTable
    if form == media_types.JSON:
        return json_document.JsonTable
    if form == media_types.PARQUET:
        from inference.rows.formats.parquet_table import (  # noqa: PLC0415 - imports pyarrow
            ParquetTable,
        )

        return ParquetTable
    from inference.rows.formats.arrow_table import ArrowTable  # noqa: PLC0415 - imports pyarrow

    return ArrowTable


def _is_converted(form: str, output: OutputOptions) -> bool:
    """Whether the output is made of columns. Else it has the bytes of the input."""
    if output.form not in ("", form):
        return True
    return output.selects and form in (media_types.JSON, *media_types.COLUMNAR)
