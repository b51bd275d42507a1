"""Whole lines of a CSV in blocks, and the rows of lines that hold quotes."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import BinaryIO, NamedTuple

import numpy as np

from inference.errors import MalformedInput
from inference.limits import MAX_ROW_BYTES, MAX_ROW_CELLS
from inference.rows.row_types import Array

#: Bytes read and parsed at a time. HTTP waits for a block of numbers, under two milliseconds. It
#: fits into a processor's cache: in a block of 1 MiB a byte takes three times as long. Each block
#: passes through several threads: blocks of 96 KiB take a fifth longer a job.
BLOCK_BYTES = 192 * 1024
#: Bytes that are skipped at a time.
SKIPPED_BYTES = 1024 * 1024
#: Rows of a part, at most. So many make a call of a model that takes columns worth its overhead.
AT_ONCE_ROWS = 8_000
#: A block of so many rows has a size within these bounds.
_LEAST_BYTES, _MOST_BYTES = 64 * 1024, 640 * 1024

_QUOTE, _LINE_FEED, _RETURN = b'"\n\r'

#: Longer rows without quotes are split: csv holds the interpreter for five milliseconds a megabyte.
_SPLIT_BYTES = 64 * 1024

#: csv's own limit is 128 KiB a cell, for the whole process.
csv.field_size_limit(max(csv.field_size_limit(), MAX_ROW_BYTES))


class ReadPosition(NamedTuple):
    """A place between two rows, and how the reader resumes there."""

    #: Of the source, before it.
    bytes: int
    lines: int
    #: Of a block, as in LineBlocks.
    block_bytes: int | None
    reads_numbers: bool


class LineBlocks:
    """Reads a source in blocks that end where a line ends."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self._rest = b""
        #: Of a block, in bytes; None: BLOCK_BYTES.
        self.size: int | None = None
        #: Bytes that were read from the source.
        self._taken = 0

    @property
    def position(self) -> int:
        """Bytes of the source that `read` has returned."""
        return self._taken - len(self._rest)

    def skip_to(self, position: int) -> None:
        """Go on there. Raises MalformedInput if the source ends before."""
        skipped = self._rest[: max(0, position - self.position)]
        self._rest = self._rest[len(skipped) :]
        while missing := position - self.position:
            content = self._source.read(min(missing, SKIPPED_BYTES))
            if not content:
                raise MalformedInput("the blob is shorter than what was read of it before")
            self._taken += len(content)

    def put_back(self, lines: bytes) -> None:
        self._rest = lines + self._rest

    def fit(self, size: int, rows: int) -> None:
        """Read blocks of AT_ONCE_ROWS rows from now on, if rows are as long as in the last one."""
        self.size = min(max(size // rows * AT_ONCE_ROWS, _LEAST_BYTES), _MOST_BYTES)

    def read(self) -> bytes:
        """The next block; nothing at the end. Raises MalformedInput for a line that is too long."""
        wanted = self.size or BLOCK_BYTES
        while True:
            text, ended = self._fill(wanted)
            # A carriage return at the end may belong to a line feed.
            end = max(text.rfind(b"\n"), text.rfind(b"\r", 0, -1)) + 1
            if ended or end:
                break
            if len(text) > MAX_ROW_BYTES:
                raise _too_long()
            wanted *= 2
        end = len(text) if ended else end
        self._rest = text[end:]
        return text[:end]

    def _fill(self, size: int) -> tuple[bytes, bool]:
        """At least `size` bytes, and whether the source has ended."""
        pieces, missing = [self._rest], size - len(self._rest)
        while missing > 0:
            content = self._source.read(missing)
            if not content:
                return b"".join(pieces), True
            pieces.append(content)
            missing -= len(content)
            self._taken += len(content)
        self._rest = b"".join(pieces)
        return self._rest, False


class QuotedRows:
    """The rows of lines, each with its own bytes. A quoted cell may hold line ends.

    `more`: reads further lines, for a row that ends in them. Raises MalformedInput.
    """

    def __init__(
        self, lines: list[bytes], delimiter: str, more: Callable[[], list[bytes]], *, number: int
    ) -> None:
        self._lines, self._delimiter, self._more = lines, delimiter, more
        self._at = 0
        #: Lines that were read.
        self.number = number
        #: The lines of the row that is read. A list of two million lines would be freed at once.
        self._row = bytearray()

    def __iter__(self) -> Iterator[tuple[bytes, list[str]]]:
        reader = csv.reader(self._texts(), delimiter=self._delimiter)
        while self._at < len(self._lines):
            line = self._lines[self._at]
            if len(line) > _SPLIT_BYTES and _QUOTE not in line:
                yield line, self._split(line)
                continue
            self._row.clear()
            try:
                cells = next(reader)
            except csv.Error as error:
                raise MalformedInput(f"not CSV at line {self.number}: {error}") from error
            yield bytes(self._row), cells

    @property
    def rest(self) -> list[bytes]:
        """The lines after the last row that was read."""
        return self._lines[self._at :]

    def _texts(self) -> Iterator[str]:
        comma = self._delimiter.encode()
        size = cells = 0
        while True:
            if not self._row:
                size, cells, first = 0, 1, self.number + 1
            if self._at == len(self._lines):
                self._lines, self._at = self._more(), 0
                if not self._lines:
                    raise MalformedInput(f"not CSV: a quote of line {first} is not closed")
            line = self._lines[self._at]
            self._at += 1
            self.number += 1
            size, cells = size + len(line), cells + line.count(comma)
            _check_row(size, cells)
            self._row += line
            yield decode(line, self.number)

    def _split(self, line: bytes) -> list[str]:
        """The cells of a whole row without quotes."""
        self._at += 1
        self.number += 1
        _check_row(len(line), line.count(self._delimiter.encode()) + 1)
        return decode(line.rstrip(b"\r\n"), self.number).split(self._delimiter)


def _check_row(size: int, cells: int) -> None:
    if size > MAX_ROW_BYTES:
        raise _too_long()
    if cells > MAX_ROW_CELLS:
        raise MalformedInput(f"a line has more than {MAX_ROW_CELLS:,} cells")


def has_lone_returns(block: bytes) -> bool:
    """Whether it has carriage returns without a line feed."""
    return b"\r" in block and block.count(b"\r") != block.count(b"\r\n")


def is_utf8(block: bytes) -> bool:
    if block.isascii():
        return True
    try:
        block.decode()
    except UnicodeDecodeError:
        return False
    return True


def iterate_lines(block: bytes) -> Iterator[bytes]:
    """The lines of a block with their ends, one by one: it may begin with many blank ones."""
    for lines in io.BytesIO(block):
        yield from lines.splitlines(keepends=True)


def split_lines(block: bytes) -> list[bytes]:
    """The lines of a block without carriage returns of their own, without their ends."""
    lines = (block.replace(b"\r\n", b"\n") if b"\r" in block else block).split(b"\n")
    if not lines[-1]:
        lines.pop()
    return lines


def are_short(lines: list[bytes]) -> bool:
    """Whether no line can exceed the limits of a row. QuotedRows looks closer."""
    return max(map(len, lines), default=0) < MAX_ROW_CELLS


def closed_lines(block: bytes, delimiter: bytes) -> tuple[list[bytes], bytes] | None:
    """The lines of each row of a block with quotes, and the bytes behind the last row whose quotes
    are closed.

    None if it has no such row, or a quote within a cell that has none around it.
    """
    view = np.frombuffer(block, np.uint8)
    quotes = np.flatnonzero(view == _QUOTE)
    if not _enclose_cells(view, quotes, delimiter):
        return None
    ends = np.flatnonzero(view == _LINE_FEED)
    closed = (np.searchsorted(quotes, ends) & 1) == 0
    is_whole = len(quotes) % 2 == 0
    if is_whole and closed.all():
        return split_lines(block), b""
    places = [0, *(ends[closed] + 1).tolist()]
    if is_whole and places[-1] < len(block):
        places.append(len(block))
    rows = [block[at:end].rstrip(b"\r\n") for at, end in pairwise(places)]
    return (rows, block[places[-1] :]) if rows else None


def _enclose_cells(view: Array, quotes: Array, delimiter: bytes) -> bool:
    """Whether quotes are only around cells, and doubled within them."""
    if not len(quotes):
        return True
    around = np.zeros(256, bool)
    around[[_QUOTE, _LINE_FEED, _RETURN, delimiter[0]]] = True
    before, after = quotes[::2] - 1, quotes[1::2] + 1
    before = before[1:] if before[0] < 0 else before
    after = after[:-1] if len(after) and after[-1] == len(view) else after
    return bool(around[view[before]].all() and around[view[after]].all())


def is_closed(line: bytes, delimiter: str) -> bool:
    """Whether a line does not end within quotes."""
    return len(list(csv.reader([line.decode() + "\n", "next"], delimiter=delimiter))) == 2


def decode(line: bytes, number: int) -> str:
    """A line's text. Raises MalformedInput. `number`: of the line, from 1."""
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        raise MalformedInput(f"the CSV is not UTF-8 near line {number}: {error.reason}") from error


def _too_long() -> MalformedInput:
    return MalformedInput(f"a line is longer than {MAX_ROW_BYTES:,} bytes, which no row may be")
