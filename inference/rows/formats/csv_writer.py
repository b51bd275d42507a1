"""Writes predictions as CSV: alone, or behind the lines of the input."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from inference.rows.formats import json_codec
from inference.rows.formats.csv_picker import CellPicker
from inference.rows.formats.csv_reader import CsvReader
from inference.rows.formats.output_columns import PREDICTION_ALONE, OutputColumns, cell, width_of
from inference.rows.formats.parts import Part

#: JSON has them in numbers: cells would need quotes.
_IN_NUMBERS = "+-.e0123456789"
_NUMBERS = {int, float, bool}
#: Of rows with errors that wait for the first prediction, which shows the number of outputs.
MAX_WAITING_BYTES = 32 * 1024 * 1024


def encode(values: Sequence[Any], columns: OutputColumns = PREDICTION_ALONE) -> bytes:
    """One line per prediction, and one cell per output."""
    width = width_of(values)
    lines = [line or b'""' for line in _lines(values, width, ",")]  # a blank line is no row
    return b"\n".join([join(columns.outputs(width), ",").encode(), *lines, b""])


class CsvWriter:
    """Writes each row's own line, its predictions, and its error."""

    def __init__(self, columns: OutputColumns) -> None:
        self._columns, self._began = columns, False
        #: Of the cells of the input that the output has; None: all.
        self.picker: CellPicker | None = None
        #: Cells of a prediction; None for a single one.
        self._width = None if columns.known is None else len(columns.known)
        #: Parts without predictions, before the first prediction.
        self._waiting: list[Part] = []
        self._waiting_bytes = 0

    def write(self, reader: CsvReader, part: Part, predictions: Sequence[Any]) -> bytes:
        if self._began:
            return self._rows(reader, part, predictions)
        if not predictions and self._columns.known is None:
            return self._wait(part)
        self._width = width_of(predictions) or self._width
        return self.end(reader) + self._rows(reader, part, predictions)

    def end(self, reader: CsvReader) -> bytes:
        """The header and the rows that wait, if they are not written yet."""
        if self._began:
            return b""
        self._began = True
        waiting, self._waiting = self._waiting, []
        return self._header(reader) + b"".join(self._rows(reader, part, ()) for part in waiting)

    @property
    def state(self) -> dict[str, Any] | None:
        """What a writer must know to resume; None before the header is written."""
        return {"width": self._width} if self._began else None

    def resume(self, state: dict[str, Any]) -> None:
        """Write behind what another writer has written."""
        self._began, self._width = True, state["width"]

    def _wait(self, part: Part) -> bytes:
        """Raises the first row's error if too many rows have no prediction."""
        self._waiting.append(part)
        self._waiting_bytes += sum(map(len, part.originals))
        if self._waiting_bytes > MAX_WAITING_BYTES:
            errors = self._waiting[0].coerced.errors
            raise errors[min(errors)]
        return b""

    def _header(self, reader: CsvReader) -> bytes:
        if reader.header is None:
            return reader.prefix
        taken, line = reader.header.names, reader.header_line
        before, line = reader.prefix.removesuffix(line), line.rstrip(b"\r\n")
        if self.picker is not None:
            taken, line = self.picker.of(taken), self.picker.pick(line)
        names = join(self._columns.added(self._width, taken), reader.delimiter).encode()
        return before + line + self._gap(reader.delimiter.encode()) + names + reader.line_end

    def _gap(self, comma: bytes) -> bytes:
        """What stands between the input's cells and ours."""
        return b"" if self.picker is not None and not self.picker else comma

    def _rows(self, reader: CsvReader, part: Part, predictions: Sequence[Any]) -> bytes:
        comma, end = reader.delimiter.encode(), reader.line_end
        cells = _lines(predictions, self._width, reader.delimiter)
        lines, gap, errors = part.originals, self._gap(comma), part.coerced.errors
        if self.picker is not None:
            lines = map(self.picker.pick, lines)
        if not errors:
            last = comma + end  # an empty cell for the error
            pieces = zip(lines, cells, strict=True)
            return b"".join([b"%b%b%b%b" % (line, gap, cell, last) for line, cell in pieces])
        predicted = iter(cells)
        none = gap + comma * (self._width or 1)
        rows: list[bytes] = []
        for index, line in enumerate(lines):
            if (error := errors.get(index)) is None:
                rows += (line, gap, next(predicted), comma, end)
            else:
                text = _quote(str(error), reader.delimiter).encode()
                missing = 0 if self.picker is not None else _missing_cells(line, reader)
                rows += (line, comma * missing, none, text, end)
        return b"".join(rows)


def join(cells: Iterable[str], delimiter: str) -> str:
    """A line's cells, quoted where they must be."""
    return delimiter.join(_quote(each, delimiter) for each in cells)


def _lines(values: Sequence[Any], width: int | None, delimiter: str) -> list[bytes]:
    """The cells of each prediction, with delimiters between them."""
    if width is None:
        return _single(values, delimiter) if values else []
    quick = delimiter not in _IN_NUMBERS
    return [_cells(each, delimiter, quick=quick).encode() for each in values]


def _cells(value: Any, delimiter: str, *, quick: bool) -> str:
    """A prediction's cells. `quick`: numbers never need quotes."""
    row = value if isinstance(value, list) else [value]
    if quick and set(map(type, row)) <= _NUMBERS:
        return json_codec.dumps(row)[1:-1].decode().replace(",", delimiter)
    return join(map(cell, row), delimiter)


def _single(values: Sequence[Any], delimiter: str) -> list[bytes]:
    types = set(map(type, values))
    if types <= _NUMBERS and delimiter not in _IN_NUMBERS:
        return json_codec.dumps(values)[1:-1].split(b",")
    if types == {str}:  # classes, mostly: few different ones
        known = {value: _quote(value, delimiter).encode() for value in set(values)}
        return [known[value] for value in values]
    return [_quote(cell(value), delimiter).encode() for value in values]


def _quote(text: str, delimiter: str) -> str:
    if delimiter in text or any(special in text for special in '"\r\n'):
        return '"' + text.replace('"', '""') + '"'
    return text


def _missing_cells(line: bytes, reader: CsvReader) -> int:
    """How many cells a row lacks under the header."""
    if reader.header is None:
        return 0
    text = io.StringIO(line.decode(), newline="")
    cells = next(csv.reader(text, delimiter=reader.delimiter), [])
    return max(0, len(reader.header.names) - len(cells))
