"""Reads CSV in parts, as rows in the model's types beside the lines as they came."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from typing import BinaryIO, NamedTuple

from inference.errors import CallerError, InputTooLarge, UnfitInput
from inference.limits import (
    MAX_ROW_BYTES,
    MAX_ROW_CELLS,
    PART_CELLS,
    PART_ROWS,
    Limits,
    rows_per_part,
)
from inference.rows import coercion, row_types
from inference.rows.formats import csv_numbers
from inference.rows.formats.csv_header import Header, find_header
from inference.rows.formats.csv_lines import LineBlocks, QuotedRows, decode
from inference.rows.row_types import Array, Row, Rows
from inference.rows.schema import Schema
from inference.rows.text_options import UNSAID, TextOptions

#: Of a part of numbers only.
NUMBER_ROWS = 8 * 1024

_BOM = b"\xef\xbb\xbf"
#: A line by which spreadsheets name the delimiter.
_SEPARATOR = re.compile(rb'"?sep=([\t !#-/:-@\[-`{-~])"?(?:\r\n|\r|\n|\Z)', re.IGNORECASE)
_DECIMAL_COMMA = re.compile(r"'\s*[+-]?[\d.]*\d,\d+\s*'")


class ReadPosition(NamedTuple):
    """A place between two rows: the bytes of the source, and the lines, before it."""

    bytes: int
    lines: int


class CsvPart:
    """Consecutive rows: their lines, and either their cells or their numbers."""

    def __init__(
        self,
        reader: CsvReader,
        lines: Sequence[bytes],
        *,
        cells: Sequence[Row] | None = None,
        numbers: Array | None = None,
        number: int = 0,
    ) -> None:
        self._reader, self._cells, self._numbers = reader, cells, numbers
        #: Each row's own bytes, without its line end.
        self.lines = lines
        #: Lines before the first one.
        self._number = number

    def __len__(self) -> int:
        return len(self.lines)

    def coerce(self, schema: Schema, *, first: int) -> Rows:
        """Convert to the model's types. Raises CallerError. `first`: the first row's number."""
        header = self._reader.header
        order = None if header is None else header.order
        if self._numbers is not None:
            rows = csv_numbers.coerce(self._numbers, order, schema, first=first)
            if rows is not None:
                return rows
        cells = self.cells()
        if header is not None:
            cells = row_types.reorder(cells, order, len(header.names))
        rows = coercion.coerce_rows(cells, schema, text=True, first=first)
        _explain_decimal_commas(rows.errors, refuse=not first and self._reader.delimiter != ",")
        return rows

    def cells(self) -> Sequence[Row]:
        """Each row's cells, all columns in the order of the file."""
        if self._cells is not None:
            return self._cells
        texts = (decode(line, at) for at, line in enumerate(self.lines, self._number + 1))
        return list(csv.reader(texts, delimiter=self._reader.delimiter))


class CsvReader:
    """The header and the rows of a CSV. Reading raises CallerError.

    `max_blank`: how many blank lines are allowed; they are skipped.
    """

    def __init__(
        self,
        source: BinaryIO,
        schema: Schema,
        options: TextOptions = UNSAID,
        *,
        max_blank: int | None = None,
    ) -> None:
        self._blocks = LineBlocks(source)
        self._max_blank, self._blank = max_blank, 0
        #: Lines that were read.
        self._number = 0
        #: Lines before the first row as they came: one that names the delimiter, and the header.
        self.prefix = b""
        #: The header alone, as it came.
        self.header_line = b""
        self.delimiter = options.delimiter or ","
        self.line_end = b"\n"
        self._begin(options)
        self._comma = self.delimiter.encode()
        #: All rows before it are in the parts so far. Reading can go on there.
        self.boundary = ReadPosition(0, 0)
        self.header = self._read_header(schema, options)
        self._reads_numbers = csv_numbers.may_read(schema)

    def skip_to(self, position: ReadPosition) -> None:
        """Read on there. Called before `parts`."""
        self._blocks.skip_to(position.bytes)
        self._number = position.lines

    def parts(self) -> Iterator[CsvPart]:
        while True:
            self.boundary = ReadPosition(self._blocks.position, self._number)
            if not (block := self._blocks.read()):
                return
            yield from (self._plain if self._is_plain(block) else self._quoted)(block)

    def _is_plain(self, block: bytes) -> bool:
        """Whether each line is a row, and none can be too long."""
        if b'"' in block or (b"\r" in block and block.count(b"\r") != block.count(b"\r\n")):
            return False
        if block.count(self._comma) < MAX_ROW_CELLS:
            return len(block) <= MAX_ROW_BYTES
        lines = block.split(b"\n")
        return max(line.count(self._comma) for line in lines) < MAX_ROW_CELLS and (
            max(map(len, lines)) < MAX_ROW_BYTES
        )

    def _begin(self, options: TextOptions) -> None:
        block = self._blocks.read().removeprefix(_BOM)
        if separator := _SEPARATOR.match(block):
            self.prefix = separator[0]
            self._number = 1
            self.delimiter = options.delimiter or separator[1].decode()
            block = block[separator.end() :]
        if b"\r\n" in block[: block.find(b"\n") + 1]:
            self.line_end = b"\r\n"
        self._blocks.put_back(block)

    def _read_header(self, schema: Schema, options: TextOptions) -> Header | None:
        lines = self._more()
        rows = QuotedRows(lines, self.delimiter, self._more, number=self._number)
        for raw, cells in rows:
            if not cells:
                self._add_blank(1)
                continue
            rest = b"".join(rows.rest)
            self._number = rows.number
            follow = bool(rest.strip())
            header = find_header(cells, schema, options, lines_follow=follow)
            if header is None:
                rest = raw + rest
                self._number -= len(raw.splitlines())
            else:
                self.header_line = raw
                self.prefix += raw
            self._blocks.put_back(rest)
            return header
        return None

    def _more(self) -> list[bytes]:
        return self._blocks.read().splitlines(keepends=True)

    def _plain(self, block: bytes) -> Iterator[CsvPart]:
        """The rows of lines without quotes."""
        lines = (block.replace(b"\r\n", b"\n") if b"\r" in block else block).split(b"\n")
        if not lines[-1]:
            lines.pop()
        number, self._number = self._number, self._number + len(lines)
        if b"" in lines:
            size = len(lines)
            lines = [line for line in lines if line]
            self._add_blank(size - len(lines))
        for start in range(0, len(lines), NUMBER_ROWS):
            some = lines[start : start + NUMBER_ROWS]
            numbers = csv_numbers.read(some, self._comma) if self._reads_numbers else None
            if numbers is not None:
                yield CsvPart(self, some, numbers=numbers)
                continue
            rows = rows_per_part(some[0].count(self._comma) + 1)
            for at in range(0, len(some), rows):
                yield CsvPart(self, some[at : at + rows], number=number + start + at)

    def _quoted(self, block: bytes) -> Iterator[CsvPart]:
        """The rows of lines that may hold quotes or carriage returns."""
        rows = QuotedRows(
            block.splitlines(keepends=True), self.delimiter, self._more, number=self._number
        )
        lines: list[bytes] = []
        cells: list[Row] = []
        size = 0
        for line, row in rows:
            if not row:
                self._add_blank(1)
                continue
            lines.append(line.rstrip(b"\r\n"))
            cells.append(row)
            size += len(row)
            if len(lines) == PART_ROWS or size >= PART_CELLS:
                yield CsvPart(self, lines, cells=cells)
                lines, cells, size = [], [], 0
        if lines:
            yield CsvPart(self, lines, cells=cells)
        self._number = rows.number

    def _add_blank(self, count: int) -> None:
        self._blank += count
        if self._max_blank is not None and self._blank > self._max_blank:
            raise InputTooLarge(
                size=self._blank,
                limit=self._max_blank,
                unit="blank lines",
                setting="MAX_ROWS",
                at_least=True,
            )


def parts(
    body: bytes, schema: Schema, limits: Limits, options: TextOptions = UNSAID
) -> Iterator[CsvPart]:
    """A body's rows. Raises CallerError."""
    count = 0
    for part in CsvReader(io.BytesIO(body), schema, options, max_blank=limits.rows).parts():
        count += len(part.lines)
        limits.check_rows(count, at_least=True)
        yield part


def _explain_decimal_commas(errors: dict[int, CallerError], *, refuse: bool) -> None:
    """Say of numbers like 1,5 how to write them. Raises UnfitInput for the first one: `refuse`."""
    for index, error in errors.items():
        if isinstance(error, UnfitInput) and _DECIMAL_COMMA.fullmatch(error.got):
            expected = f"{error.expected} with a decimal point (decimal commas are not read)"
            errors[index] = UnfitInput(field=error.field, expected=expected, got=error.got)
            if refuse:
                raise errors[index]
