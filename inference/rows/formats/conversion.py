"""Puts a source and a writer together. Imports pyarrow."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO

from inference.limits import Limits
from inference.rows import media_types
from inference.rows.formats.columnar_source import ArrowSource, NpySource, ParquetSource
from inference.rows.formats.columnar_writers import ArrowRows, ParquetRows
from inference.rows.formats.converted_table import ConvertedTable, Source, Writer
from inference.rows.formats.csv_source import CsvSource
from inference.rows.formats.json_source import JsonDocumentSource, JsonLinesSource
from inference.rows.formats.npy_writer import NpyRows
from inference.rows.formats.output_columns import OutputColumns
from inference.rows.formats.spooled_rows import SpooledRows
from inference.rows.formats.text_writers import CsvRows, JsonLinesRows, JsonRows
from inference.rows.output_options import OutputOptions
from inference.rows.schema import Schema
from inference.rows.text_options import TextOptions

_JSON = (media_types.JSON, media_types.JSON_LINES)
_SOURCES: dict[str, Callable[[BinaryIO, Schema, Limits, OutputOptions], Source]] = {
    media_types.JSON: JsonDocumentSource,
    media_types.JSON_LINES: JsonLinesSource,
    media_types.NPY: NpySource,
    media_types.PARQUET: ParquetSource,
    media_types.ARROW: ArrowSource,
    media_types.ARROW_FILE: ArrowSource,
}


def convert(
    form: str,
    source: BinaryIO,
    schema: Schema,
    limits: Limits,
    columns: OutputColumns,
    output: OutputOptions,
    options: TextOptions,
) -> ConvertedTable:
    """A table in `form`, written in the format that `output` names."""
    target = output.form or form
    writer = _writer(target, columns, limits)
    if form in _JSON:
        writer = SpooledRows(writer, schema, target)
    if form == media_types.CSV:
        read: Source = CsvSource(source, schema, options, output)
    else:
        read = _SOURCES[form](source, schema, limits, output)
    return ConvertedTable(read, writer, columns, limits)


def _writer(form: str, columns: OutputColumns, limits: Limits) -> Writer:
    match form:
        case media_types.CSV:
            return CsvRows()
        case media_types.JSON_LINES:
            return JsonLinesRows()
        case media_types.JSON:
            return JsonRows(columns, limits)
        case media_types.PARQUET:
            return ParquetRows()
        case media_types.ARROW | media_types.ARROW_FILE:
            return ArrowRows(form)
    return NpyRows()
