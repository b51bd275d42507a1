"""How much a body may hold in any format, and how much of it is processed at a time."""

from __future__ import annotations

from dataclasses import dataclass

from inference.errors import InputTooLarge, UnfitInput

#: Of a row as text. Reading a longer one whole would take unbounded memory.
MAX_ROW_BYTES = 4 * 1024 * 1024
#: Of a row. A parser holds the interpreter for a whole row: about 10 ms for this many cells.
MAX_ROW_CELLS = 128 * 1024

#: Rows are read, checked and written in parts of at most so many rows, cells and bytes. This
#: bounds the memory of a part, and how long its parser holds the interpreter.
PART_ROWS = 1_000
PART_CELLS = 32 * 1024
PART_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """What the settings allow of a body that is read whole."""

    #: MAX_BODY_BYTES, before and after decompression.
    body_bytes: int
    #: MAX_ROWS
    rows: int

    def check_bytes(self, size: int, *, unit: str = "bytes") -> None:
        """Raises InputTooLarge."""
        if size > self.body_bytes:
            raise InputTooLarge(
                size=size, limit=self.body_bytes, unit=unit, setting="MAX_BODY_BYTES"
            )

    def check_rows(self, count: int, *, at_least: bool = False) -> None:
        """Raises UnfitInput for no row, InputTooLarge for too many. `at_least`: more may follow."""
        if count > self.rows:
            raise InputTooLarge(
                size=count, limit=self.rows, unit="rows", setting="MAX_ROWS", at_least=at_least
            )
        if count == 0 and not at_least:
            raise UnfitInput(field="data", expected="at least one row", got="none")


def rows_per_part(columns: int, *, cells: int = PART_CELLS) -> int:
    """How many rows of so many columns fit into a part of so many cells."""
    return max(1, min(PART_ROWS, cells // max(1, columns)))
