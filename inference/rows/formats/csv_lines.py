"""Whole lines of a CSV in blocks, and the rows of lines that hold quotes."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from typing import BinaryIO

from inference.errors import MalformedInput
from inference.limits import MAX_ROW_BYTES, MAX_ROW_CELLS

#: Bytes read and parsed at a time. A block of numbers takes a millisecond, for which HTTP waits. It
#: fits into a processor's cache: in a block of 1 MiB a byte takes three times as long.
BLOCK_BYTES = 96 * 1024

#: Bytes that are skipped at a time.
SKIPPED_BYTES = 1024 * 1024

#: csv's own limit is 128 KiB a cell, for the whole process.
csv.field_size_limit(max(csv.field_size_limit(), MAX_ROW_BYTES))


class LineBlocks:
    """Reads a source in blocks that end where a line ends."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self._rest = b""
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

    def read(self) -> bytes:
        """The next block; nothing at the end. Raises MalformedInput for a line that is too long."""
        wanted = BLOCK_BYTES
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
        #: The lines of the row that is read.
        self._row: list[bytes] = []

    def __iter__(self) -> Iterator[tuple[bytes, list[str]]]:
        reader = csv.reader(self._texts(), delimiter=self._delimiter)
        while self._at < len(self._lines):
            self._row.clear()
            try:
                cells = next(reader)
            except csv.Error as error:
                raise MalformedInput(f"not CSV at line {self.number}: {error}") from error
            yield b"".join(self._row), cells

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
            if size > MAX_ROW_BYTES:
                raise _too_long()
            if cells > MAX_ROW_CELLS:
                raise MalformedInput(f"a line has more than {MAX_ROW_CELLS:,} cells")
            self._row.append(line)
            yield decode(line, self.number)


def decode(line: bytes, number: int) -> str:
    """A line's text. Raises MalformedInput. `number`: of the line, from 1."""
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        raise MalformedInput(f"the CSV is not UTF-8 near line {number}: {error.reason}") from error


def _too_long() -> MalformedInput:
    return MalformedInput(f"a line is longer than {MAX_ROW_BYTES:,} bytes, which no row may be")
