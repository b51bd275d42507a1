"""Reads the cells of a column as a format has them, by the column's type alone.

    integer    3 and 3.0, not 3.5 and not true; digits in CSV
    number     int or float; digits in CSV
    boolean    true or false; also 1, 0 in CSV
    text       a text; whatever stands in CSV
    category   one of the column's values
    date       ISO 8601
    missing    null, and NaN of a number; in CSV one of the schema's words for it

A column is converted at once. If that fails, its cells are converted one by one to find the wrong
ones.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from inference.rows import number_cells, value_cells
from inference.rows.known_values import KnownValues, known_values
from inference.rows.row_types import Array
from inference.rows.schema import Column, ColumnType, Schema, once_per_schema
from inference.rows.typed_rows import missing

#: A cell that is wrong raises one of them.
WRONG = (ValueError, TypeError, OverflowError, KeyError)

#: Up to so many cells, reading them one by one is faster.
FEW_CELLS = 8

Cells = Sequence[Any]
#: A column, and its wrong cells by position. The column has placeholders for these.
ReadColumn = tuple[Array, dict[int, object]]
MarkMissing = Callable[[Cells], Cells]


class CellType(Protocol):
    """How the cells of one column are read. A missing cell is None here."""

    placeholder: Any

    def whole(self, cells: Cells) -> Array:
        """All cells at once. Raises one of WRONG if one of them is unusual."""
        ...

    def one(self, cell: Any) -> Any:
        """The value of a cell that is not missing. Raises one of WRONG."""
        ...

    def column(self, values: list[Any]) -> Array:
        """A column of values that `one` returned, and None."""
        ...


@dataclass(frozen=True, slots=True)
class ColumnReader:
    """Reads the cells of one column."""

    feature: Column
    cells: CellType
    #: None: the model takes any value.
    known: KnownValues | None
    #: Replaces what means missing by None.
    _mark_missing: MarkMissing

    @property
    def takes_numbers(self) -> bool:
        return self.feature.type in ("integer", "number")

    @property
    def limits(self) -> range:
        """Of an integer column."""
        return self.cells.limits if isinstance(self.cells, number_cells.IntegerCells) else range(0)

    @property
    def takes_floats(self) -> bool:
        """Whether an integer column takes floats of any size."""
        return isinstance(self.cells, number_cells.IntegerCells) and self.cells.takes_floats

    def read(self, cells: Cells) -> ReadColumn:
        marked = self._mark_missing(cells)
        if len(cells) <= FEW_CELLS or (not self.feature.missing and None in marked):
            return self._one_by_one(marked, cells)
        try:
            column = self.cells.whole(marked)
        except WRONG:
            return self._one_by_one(marked, cells)
        # Only a number may be missing without being None.
        fits = self.accepts(column) if self.takes_numbers else self._knows(column)
        return (column, {}) if fits else self._one_by_one(marked, cells)

    def accepts(self, column: Array) -> bool:
        """Whether the model takes each cell."""
        if not (self.feature.missing or not missing(column).any()):
            return False
        if self.feature.type == "number" and number_cells.infinite(column, self.feature).any():
            return False
        return self._knows(column)

    def _knows(self, column: Array) -> bool:
        return self.known is None or not len(self.known.unknown(column))

    def _one_by_one(self, cells: Cells, originals: Cells) -> ReadColumn:
        read_one, takes_numbers = self.cells.one, self.takes_numbers
        may_be_missing, known = self.feature.missing, self.known
        values: list[Any] = []
        wrong: dict[int, object] = {}
        for position, cell in enumerate(cells):
            try:
                gone = cell is None or (takes_numbers and cell != cell)  # noqa: PLR0124 - NaN
                value = None if gone else read_one(cell)
                if not (may_be_missing if value is None else known is None or value in known):
                    raise ValueError
            except WRONG:
                wrong[position] = originals[position]
                value = self.cells.placeholder
            values.append(value)
        return self.cells.column(values), wrong


def readers(schema: Schema, *, text: bool) -> list[ColumnReader]:
    """One per column. `text`: every cell is a text, as in CSV."""
    return _text_readers(schema) if text else _value_readers(schema)


@once_per_schema
def _text_readers(schema: Schema) -> list[ColumnReader]:
    # In a model of texts an empty text is a document.
    if schema.kind == "texts":
        return _readers(schema, _unmarked, text=True)
    return _readers(schema, functools.partial(_mark_words, frozenset(schema.na)), text=True)


@once_per_schema
def _value_readers(schema: Schema) -> list[ColumnReader]:
    return _readers(schema, _unmarked, text=False)


def _readers(schema: Schema, mark: MarkMissing, *, text: bool) -> list[ColumnReader]:
    return [
        ColumnReader(column, _cell_type(column, schema, text=text), known, mark)
        for column, known in zip(schema.columns or (), known_values(schema), strict=True)
    ]


def _cell_type(column: Column, schema: Schema, *, text: bool) -> CellType:
    if column.type == "category":
        return value_cells.CategoryCells(column, text=text, unseen=schema.unseen)
    return _CELLS[column.type](column, text=text)


_CELLS: dict[ColumnType, Callable[..., CellType]] = {
    "integer": number_cells.IntegerCells,
    "number": number_cells.NumberCells,
    "boolean": value_cells.BooleanCells,
    "text": value_cells.TextCells,
    "date": value_cells.DateCells,
}


def _mark_words(words: frozenset[str], cells: Cells) -> Cells:
    if words.isdisjoint(cells):
        return cells
    return [None if cell in words else cell for cell in cells]


def _unmarked(cells: Cells) -> Cells:
    return cells
