"""CSV: each row as it came, then our columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

from inference.rows.formats.csv_picker import CellPicker
from inference.rows.formats.csv_reader import CsvReader
from inference.rows.formats.csv_writer import CsvWriter
from inference.rows.formats.gathering import pin_width
from inference.rows.formats.output_columns import PREDICTION_ALONE, OutputColumns
from inference.rows.formats.parts import HeaderLine, Part, Table
from inference.rows.output_options import AS_IT_CAME, OutputOptions
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
        output: OutputOptions = AS_IT_CAME,
    ) -> None:
        self._source, self._schema, self._options = source, schema, options
        self._columns, self._writer = columns, CsvWriter(columns)
        self._output = output

    def parts(self) -> Iterator[Part]:
        self._reader, schema = CsvReader(self._source, self._schema, self._options), self._schema
        self.header: HeaderLine = "absent" if self._reader.header is None else "present"
        self._writer.picker = self._picker()
        count = 0
        for part in self._reader.parts():
            if self._reader.header is None:
                self._output.refuse_nameless()
            coerced = part.coerce(schema, first=count)
            schema = pin_width(schema, coerced)
            count += len(part.lines)
            yield Part(coerced, part.lines)

    def _picker(self) -> CellPicker | None:
        """Of the output's columns; None if it has all. Raises UnfitInput."""
        header, output = self._reader.header, self._output
        if header is None:
            return None
        output.require_names(header.names)
        if not output.selects:
            return None
        kept = [at for at, name in enumerate(header.names) if output.has(name)]
        return CellPicker(kept, self._reader.delimiter)

    def write(self, part: Part, predictions: Sequence[Any]) -> bytes:
        return self._writer.write(self._reader, part, self._columns.cells(predictions))

    def end(self) -> Iterator[bytes]:
        yield self._writer.end(self._reader)
