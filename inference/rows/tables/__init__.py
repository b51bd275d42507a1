"""Tables: the input of a batch, read part by part, and its output, written part by part.

CSV, JSON lines and Arrow streams take constant memory. A JSON document and a .npy array are read
whole, a Parquet file into a temporary file. Each row of the output is the input row and its
prediction or error.
"""

from __future__ import annotations

from typing import BinaryIO

from inference.limits import Limits
from inference.rows import codecs, media_types
from inference.rows.schema import Schema
from inference.rows.tables.csv_table import CsvTable
from inference.rows.tables.json_tables import JsonLinesTable, JsonTable
from inference.rows.tables.npy_table import NpyTable
from inference.rows.tables.parts import Part, Table, read_whole

__all__ = ["Part", "Table", "open_table", "read_whole"]


def open_table(form: str, source: BinaryIO, schema: Schema, limits: Limits) -> Table:
    """The table in `source`, written in `form`, one of media_types.FORMATS.

    Raises UnsupportedType where pyarrow is needed and not installed.
    """
    if form == media_types.CSV:
        return CsvTable(source, schema)
    if form == media_types.JSON_LINES:
        return JsonLinesTable(source, schema)
    if form == media_types.NPY:
        return NpyTable(source, schema, limits)
    if form in media_types.COLUMNAR:
        codecs.by_column(form)
        from inference.rows.tables.columnar_table import ColumnarTable  # noqa: PLC0415 - has pyarrow

        return ColumnarTable(form, source, schema, limits)
    return JsonTable(source, schema, limits)
