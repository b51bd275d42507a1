"""Reads CSV in parts, as rows in the model's types beside the lines as they came.

There are three ways to read a block of lines. inference.rows.formats.csv_numbers and csv_columns
make no object of a cell; they read what is usual and right. Whatever they leave, csv.reader reads,
row by row. All ways give the same rows, and csv.reader's way names the errors.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, BinaryIO

import simdjson

from inference.errors import InputTooLarge
from inference.limits import MAX_ROW_CELLS, PART_CELLS, PART_ROWS, Limits, rows_per_part
from inference.rows.formats import csv_numbers
from inference.rows.formats.csv_header import Header, find_header
from inference.rows.formats.csv_lines import (
    AT_ONCE_ROWS,
    LineBlocks,
    QuotedRows,
    ReadPosition,
    are_short,
    closed_lines,
    decode,
    has_lone_returns,
    is_closed,
    is_utf8,
    iterate_lines,
    split_lines,
)
from inference.rows.formats.csv_part import CsvPart
from inference.rows.row_types import Row, Rows, whole_rows
from inference.rows.schema import Schema
from inference.rows.text_options import UNSAID, TextOptions

if TYPE_CHECKING:
    from inference.rows.formats.csv_columns import ColumnsReader

#: Shorter blocks are left to csv.reader. The event loop reads none that are longer, so that it
#: never imports pyarrow.
COLUMNS_BYTES = 64 * 1024

#: See CsvPart.read_at_once.
type ReadRows = Callable[[Schema], Rows | None]

_BOM = b"\xef\xbb\xbf"
#: A line by which spreadsheets name the delimiter.
_SEPARATOR = re.compile(rb'"?sep=([\t !#-/:-@\[-`{-~])"?(?:\r\n|\r|\n|\Z)', re.IGNORECASE)
_VISIBLE = re.compile(rb"\S")


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
        self.header = self._read_header(schema, options)
        self._schema = schema
        self._reads_numbers = csv_numbers.may_read(schema)
        #: All rows before it are in the parts so far. Reading can resume there.
        self.boundary = self._position()
        self._parser = simdjson.Parser()
        self._columns: ColumnsReader | None = None

    def skip_to(self, position: ReadPosition) -> None:
        """Read on there. Called before `parts`."""
        self._blocks.skip_to(position.bytes)
        self._blocks.size = position.block_bytes
        self._number, self._reads_numbers = position.lines, position.reads_numbers

    def parts(self) -> Iterator[CsvPart]:
        while True:
            self.boundary = self._position()
            if not (block := self._blocks.read()):
                return
            is_plain = b'"' not in block and not has_lone_returns(block)
            yield from (self._plain if is_plain else self._quoted)(block)

    def _position(self) -> ReadPosition:
        at = self._blocks.position
        return ReadPosition(at, self._number, self._blocks.size, self._reads_numbers)

    def _begin(self, options: TextOptions) -> None:
        block = self._blocks.read().removeprefix(_BOM)
        if separator := _SEPARATOR.match(block):
            self.prefix = separator[0]
            self._number = 1
            self.delimiter = options.delimiter or separator[1].decode()
            block = block[separator.end() :]
        if b"\r\n" in block[: block.find(b"\n") + 1]:
            self.line_end = b"\r\n"
        elif b"\r" in block and b"\n" not in block:
            self.line_end = b"\r"
        self._blocks.put_back(block)

    def _read_header(self, schema: Schema, options: TextOptions) -> Header | None:
        raw, cells, rest = self._first_row()
        if not raw:
            return None
        follow = _VISIBLE.search(rest) is not None
        header = find_header(cells, schema, options, lines_follow=follow)
        if header is None:
            rest = raw + rest
        else:
            self.header_line = raw
            self.prefix += raw
            self._number += len(raw.splitlines())
        self._blocks.put_back(rest)
        return header

    def _first_row(self) -> tuple[bytes, list[str], bytes]:
        """The first row's lines, its cells, and the rest of the block; nothing at the end."""
        while block := self._blocks.read():
            end = 0
            for raw in iterate_lines(block):
                start, end = end, end + len(raw)
                line = raw.rstrip(b"\r\n")
                if not line:
                    self._number += 1
                    self._add_blank(1)
                elif b'"' in line or len(line) >= MAX_ROW_CELLS:
                    rows = self._rows(block[start:])
                    first, cells = next(iter(rows))
                    return first, cells, b"".join(rows.rest)
                else:
                    cells = decode(line, self._number + 1).split(self.delimiter)
                    return raw, cells, block[end:]
        return b"", [], b""

    def _rows(self, block: bytes) -> QuotedRows:
        return QuotedRows(
            block.splitlines(keepends=True), self.delimiter, self._more, number=self._number
        )

    def _more(self) -> list[bytes]:
        return self._blocks.read().splitlines(keepends=True)

    def _plain(self, block: bytes) -> Iterator[CsvPart]:
        """The rows of lines without quotes."""
        lines = split_lines(block)
        if not are_short(lines):
            yield from self._row_by_row(block)
            return
        number, self._number = self._number, self._number + len(lines)
        yield from self._cut(block, self._without_blank(lines), number)

    def _quoted(self, block: bytes) -> Iterator[CsvPart]:
        """The rows of lines that may hold quotes or carriage returns."""
        if len(block) < COLUMNS_BYTES or has_lone_returns(block) or not is_utf8(block):
            yield from self._row_by_row(block)
        elif (found := closed_lines(block, self._comma)) and are_short(found[0]):
            lines, rest = found
            self._blocks.put_back(rest)
            block = block[: len(block) - len(rest)]
            self._number += block.count(b"\n")
            yield from self._cut(block, self._without_blank(lines), self._number)
        else:
            yield from self._quotes_in_cells(block)

    def _quotes_in_cells(self, block: bytes) -> Iterator[CsvPart]:
        """The rows of lines with quotes that may belong to their cells."""
        lines = [line for line in split_lines(block) if line]
        read = None
        if len(lines) <= AT_ONCE_ROWS and are_short(lines) and is_closed(lines[-1], self.delimiter):
            read = self._columns_of(block, lines)  # if it finds as many rows, each line is one
        if read is None:
            yield from self._row_by_row(block)
            return
        self._number += block.count(b"\n")
        self._add_blank(block.count(b"\n") + (not block.endswith(b"\n")) - len(lines))
        yield CsvPart(lines, self.header, self.delimiter, read_at_once=read)

    def _cut(self, block: bytes, lines: list[bytes], number: int) -> Iterator[CsvPart]:
        """Parts of a block's rows, given by their lines."""
        for start in range(0, len(lines), AT_ONCE_ROWS):
            some = lines[start : start + AT_ONCE_ROWS]
            if start or len(some) < len(lines):
                block = b"\n".join(some)
            read = self._numbers(some) or self._columns_of(block, some)
            size = len(some) if read else rows_per_part(some[0].count(self._comma) + 1)
            for at in range(0, len(some), size):
                yield CsvPart(
                    some[at : at + size],
                    self.header,
                    self.delimiter,
                    read_at_once=read,
                    number=number + start + at,
                )

    def _row_by_row(self, block: bytes) -> Iterator[CsvPart]:
        rows = self._rows(block)
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
                yield CsvPart(lines, self.header, self.delimiter, cells=cells)
                lines, cells, size = [], [], 0
        if lines:
            yield CsvPart(lines, self.header, self.delimiter, cells=cells)
        self._number = rows.number

    def _numbers(self, lines: Sequence[bytes]) -> ReadRows | None:
        """Reads rows of nothing but numbers."""
        if not self._reads_numbers:
            return None
        numbers = csv_numbers.read(lines, self._comma, self._parser)
        if numbers is None:
            return None
        order, header = None, self.header
        if header is not None:
            order = header.order
            if numbers.shape[1] != len(header.names):
                return None
        return partial(csv_numbers.coerce, numbers, order)

    def _columns_of(self, block: bytes, lines: Sequence[bytes]) -> ReadRows | None:
        """Reads rows of any cells by pyarrow, if they are worth its import."""
        if len(block) < COLUMNS_BYTES or not is_utf8(block):
            return None
        if self._columns is None and self._width is not None:
            from inference.rows.formats.csv_columns import (  # noqa: PLC0415 - imports pyarrow
                ColumnsReader,
            )

            order = None if self.header is None else self.header.order
            self._columns = ColumnsReader(self._schema, self._width, order, self.delimiter)
        values = None if self._columns is None else self._columns.read(block)
        if values is None or len(values) != len(lines):
            return None
        self._reads_numbers = False  # the next block has texts or gaps too, most likely
        self._blocks.fit(len(block), len(lines))
        return lambda _: whole_rows(values)

    @property
    def _width(self) -> int | None:
        """The columns of the file, if they and those of the model are known."""
        features = self._schema.features
        return features if features is None or self.header is None else len(self.header.names)

    def _without_blank(self, lines: list[bytes]) -> list[bytes]:
        if b"" not in lines:
            return lines
        filled = [line for line in lines if line]
        self._add_blank(len(lines) - len(filled))
        return filled

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
