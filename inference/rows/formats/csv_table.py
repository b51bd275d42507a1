"""CSV: each row as it came, then our columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

from inference.rows.formats.csv_reader import CsvReader
from inference.rows.formats.csv_writer import CsvWriter
from inference.rows.formats.gathering import pin_width
from inference.rows.formats.output_columns import PREDICTION_ALONE, OutputColumns
from inference.rows.formats.parts import HeaderLine, Part, Table
from inference.rows.schema import Schema
from inference.rows.text_options import UNSAID, TextOptions


class CsvTable(Table):
    """Text in UTF-8, read and written in constant memory."""

    def __init__(
        self,
        source: BinaryIO,
        schema: Schema,
        options: TextOptions = UNSAID,
        columns: OutputColumns = PREDICTION_ALONE,
    ) -> None:
        self._source, self._schema, self._options = source, schema, options
        self._columns, self._writer = columns, CsvWriter(columns)

    def parts(self) -> Iterator[Part]:
        self._reader, schema = CsvReader(self._source, self._schema, self._options), self._schema
        self.header: HeaderLine = "absent" if self._reader.header is None else "present"
        count = 0
        for part in self._reader.parts():
            coerced = part.coerce(schema, first=count)
            schema = pin_width(schema, coerced)
            count += len(part.lines)
            yield Part(coerced, part.lines)

    def write(self, part: Part, predictions: Sequence[Any]) -> bytes:
        return self._writer.write(self._reader, part, self._columns.cells(predictions))

    def end(self) -> Iterator[bytes]:
        yield self._writer.end(self._reader)
