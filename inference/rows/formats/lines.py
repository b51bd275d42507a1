"""Lines of text and the rows in them, in parts of bounded size."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from inference.errors import InputTooLarge, MalformedInput
from inference.limits import MAX_ROW_BYTES, MAX_ROW_CELLS, PART_BYTES, PART_CELLS, PART_ROWS


class Lines[T: (str, bytes)]:
    """All lines of a source. Raises MalformedInput for a row that is too long.

    With quoted line breaks a row has several lines. `end_row` ends it.
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

    def end_row(self) -> tuple[int, int]:
        """Upper bounds of the characters and cells of the row that was read."""
        size = self._size, self._cells + 1
        self._size = self._cells = 0
        return size


def batched[T: (str, bytes), R](rows: Iterable[R], lines: Lines[T]) -> Iterator[list[R]]:
    """Lists of rows, a part each."""
    batch: list[R] = []
    size = cells = 0
    for row in rows:
        row_size, row_cells = lines.end_row()
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
    """The rows that are not empty. Raises InputTooLarge for more than `limit` empty ones."""
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
