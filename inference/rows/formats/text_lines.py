"""The lines of a text, in parts of bounded size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import BinaryIO, NamedTuple

from inference.errors import InputTooLarge, MalformedInput
from inference.limits import MAX_ROW_BYTES, MAX_ROW_CELLS, PART_BYTES, PART_CELLS, PART_ROWS
from inference.rows.formats.csv_lines import LineBlocks


class Line(NamedTuple):
    """A line without the space around it."""

    #: From 1; blank lines count.
    number: int
    text: bytes


def line_parts(source: BinaryIO, *, max_blank: int | None) -> Iterator[list[Line]]:
    """Lists of lines, a part each, without blank ones.

    Raises MalformedInput for a line that is too long, InputTooLarge for too many blank lines.
    """
    part: list[Line] = []
    size = cells = 0
    for line in _filled(_lines(source), max_blank):
        new_size, new_cells = len(line.text), line.text.count(b",") + 1
        if new_size > MAX_ROW_BYTES:
            raise MalformedInput(
                f"line {line.number:,} is longer than {MAX_ROW_BYTES:,} bytes, which no row may be"
            )
        if new_cells > MAX_ROW_CELLS:
            raise MalformedInput(f"line {line.number:,} has more than {MAX_ROW_CELLS:,} cells")
        size, cells = size + new_size, cells + new_cells
        if part and (cells > PART_CELLS or size > PART_BYTES or len(part) == PART_ROWS):
            yield part
            part, size, cells = [], new_size, new_cells
        part.append(line)
    if part:
        yield part


def _filled(lines: Iterable[bytes], max_blank: int | None) -> Iterator[Line]:
    blank = 0
    for number, line in enumerate(lines, 1):
        if text := line.strip():
            yield Line(number, text)
            continue
        blank += 1
        if max_blank is not None and blank > max_blank:
            raise InputTooLarge(
                size=blank, limit=max_blank, unit="blank lines", setting="MAX_ROWS", at_least=True
            )


def _lines(source: BinaryIO) -> Iterator[bytes]:
    blocks = LineBlocks(source)
    while block := blocks.read():
        yield from block.splitlines()
