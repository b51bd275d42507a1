"""Lines of text and the rows in them, some at a time, none of them without a bound."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from inference.errors import InputTooLarge, MalformedInput
from inference.limits import MAX_ROW_BYTES, MAX_ROW_CELLS, PART_BYTES, PART_CELLS, PART_ROWS


class Lines[T: (str, bytes)]:
    """All lines of a source. Raises MalformedInput for what is too long to be a row.

    A row may go over several lines, where line breaks are quoted: `taken` ends it.
    """

    def __init__(self, readline: Callable[[int], T], comma: T) -> None:
        self._readline: Callable[[int], T] = readline
        self._comma: T = comma
        self._size = self._cells = 0

    def __iter__(self) -> Iterator[T]:
        while line := self._readline(MAX_ROW_BYTES + 1):
            self._size += len(line)
            self._cells += line.count(self._comma)
            if self._size > MAX_ROW_BYTES:
                raise MalformedInput(
                    f"a line is longer than {MAX_ROW_BYTES:,} characters, which no row may be"
                )
            if self._cells > MAX_ROW_CELLS:
                raise MalformedInput(f"a line has more than {MAX_ROW_CELLS:,} cells")
            yield line

    def taken(self) -> tuple[int, int]:
        """Characters and cells of the row that was read, at most."""
        size = self._size, self._cells + 1
        self._size = self._cells = 0
        return size


def batched[T: (str, bytes), R](rows: Iterable[R], lines: Lines[T]) -> Iterator[list[R]]:
    """Rows made of lines, as many at a time as go into a part."""
    batch: list[R] = []
    size = cells = 0
    for row in rows:
        row_size, row_cells = lines.taken()
        if batch and (cells + row_cells > PART_CELLS or size + row_size > PART_BYTES):
            yield batch
            batch, size, cells = [], 0, 0
        batch.append(row)
        size, cells = size + row_size, cells + row_cells
        if len(batch) == PART_ROWS:
            yield batch
            batch, size, cells = [], 0, 0
    if batch:
        yield batch


def without_blank[R](rows: Iterable[R], limit: int | None) -> Iterator[R]:
    """Rows that hold something. Raises InputTooLarge for more than `limit` that hold nothing."""
    blank = 0
    for row in rows:
        if row:
            yield row
            continue
        blank += 1
        if limit is not None and blank > limit:
            raise InputTooLarge(
                size=blank, limit=limit, unit="blank lines", setting="MAX_ROWS", at_least=True
            )
