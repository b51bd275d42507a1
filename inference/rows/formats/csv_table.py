"""CSV: each row as it came, then our columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, BinaryIO

from inference.rows.formats.csv_lines import ReadPosition
from inference.rows.formats.csv_part import CsvPart
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
        #: Where to resume; None: at the beginning.
        self._state: dict[str, Any] | None = None

    def parts(self) -> Iterator[Part]:
        self._reader, schema = CsvReader(self._source, self._schema, self._options), self._schema
        self.header: HeaderLine = "absent" if self._reader.header is None else "present"
        self._writer.picker = self._picker()
        count = 0
        if self._state is not None:
            self._reader.skip_to(ReadPosition(*self._state["position"]))
            self._writer.resume(self._state)
            count = self._state["rows"]
            schema = replace(schema, features=self._state["features"])
        for part, end in self._ended(self._reader.parts()):
            if self._reader.header is None:
                self._output.refuse_nameless()
            coerced = part.coerce(schema, first=count)
            schema = pin_width(schema, coerced)
            count += len(part.lines)
            state = end and {"position": list(end), "rows": count, "features": schema.features}
            yield Part(coerced, part.lines, state)

    def _ended(self, parts: Iterator[CsvPart]) -> Iterator[tuple[CsvPart, ReadPosition | None]]:
        """Each part, and where reading can resume directly after it, if it can."""
        part = next(parts, None)
        began = self._reader.boundary
        while part is not None:
            following = next(parts, None)
            is_end = self._reader.boundary != began
            yield part, self._reader.boundary if is_end else None
            part, began = following, self._reader.boundary

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

    def state_after(self, part: Part) -> dict[str, Any] | None:
        written = self._writer.state
        return None if part.end is None or written is None else part.end | written

    def resume(self, state: dict[str, Any]) -> None:
        self._state = state
