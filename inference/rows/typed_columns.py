"""Typed columns, made of cells as a format has them.

    number     int or float; digits in CSV          boolean   true or false; also 1, 0 in CSV
    text       a text; whatever stands in CSV       missing   null, or an empty CSV cell

A column is converted at once. If that fails, its cells are converted one by one to find the wrong
ones.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite, isnan
from typing import Any

import numpy as np

from inference.rows.row_types import Array, parse_number
from inference.rows.schema import ColumnType, Schema
from inference.rows.typed_rows import (
    EXACT_INTEGER,
    MISSING_BOOLEAN,
    TEXT_DTYPE,
    is_boolean,
    is_text,
    number_column,
)

_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
#: The usual spellings in CSV; other ones are read one by one.
_BOOLEAN_CODES = {
    "": MISSING_BOOLEAN,
    **{
        spelled: int(value)
        for word, value in _BOOLEANS.items()
        for spelled in (word, word.title(), word.upper())
    },
}
_WRONG = (ValueError, TypeError, OverflowError, KeyError)

#: Up to so many cells, reading them one by one is faster.
FEW_CELLS = 8

Cells = Sequence[Any]
#: A column, and its wrong cells by position. The column has placeholders for these.
ReadColumn = tuple[Array, dict[int, object]]


@dataclass(frozen=True, slots=True)
class ColumnReader:
    """Reads the cells of one column."""

    allows_missing: bool
    takes_numbers: bool
    #: Converts all cells. Raises if one of them is unusual.
    _whole: Callable[[Cells], Array]
    #: Converts one cell; NaN if it is missing. Raises if it is wrong.
    _one: Callable[[Any], Any]
    #: Makes a column of values that `_one` returned.
    _made: Callable[[list[Any]], Array]
    _placeholder: object

    def read(self, cells: Cells) -> ReadColumn:
        if len(cells) <= FEW_CELLS:
            return self._one_by_one(cells)
        try:
            column = self._whole(cells)
        except _WRONG:
            return self._one_by_one(cells)
        return (column, {}) if self.accepts(column) else self._one_by_one(cells)

    def accepts(self, column: Array) -> bool:
        """Whether the model takes each cell, and no integer has lost digits."""
        if is_boolean(column):
            return self.allows_missing or not (column == MISSING_BOOLEAN).any()
        if is_text(column):
            return self.allows_missing or not np.isnan(column).any()
        # also False for NaN and infinity
        plain = np.abs(column) < EXACT_INTEGER
        return bool((plain | np.isnan(column) if self.allows_missing else plain).all())

    def _one_by_one(self, cells: Cells) -> ReadColumn:
        values: list[Any] = []
        wrong: dict[int, object] = {}
        for position, cell in enumerate(cells):
            try:
                value = self._one(cell)
                if (
                    isinstance(value, float)
                    and not isfinite(value)
                    and not (self.allows_missing and isnan(value))
                ):
                    raise ValueError
            except _WRONG:
                wrong[position] = cell
                value = self._placeholder
            values.append(value)
        return self._made(values), wrong


@functools.lru_cache(maxsize=32)
def readers(schema: Schema, *, text: bool) -> list[ColumnReader]:
    """One per column. `text`: every cell is a text, as in CSV."""
    missing = schema.allows_missing
    known: dict[ColumnType, ColumnReader] = {
        "number": _number_reader(missing, text=text),
        "boolean": _boolean_reader(missing, text=text),
        # In a model of texts an empty text is a document.
        "text": _text_reader(missing, empty_is_missing=text and schema.kind != "texts"),
    }
    if schema.types is None:
        return [known["number"]] * (schema.features or 0)
    return [known[kind] for kind in schema.types]


def _number_reader(missing: bool, *, text: bool) -> ColumnReader:
    whole, one = (_numbers_in_texts, _number_in_text) if text else (_numbers, _number)
    return ColumnReader(missing, True, whole, one, number_column, 0.0)


def _boolean_reader(missing: bool, *, text: bool) -> ColumnReader:
    whole, one = (_booleans_in_texts, _boolean_in_text) if text else (_booleans, _boolean)
    return ColumnReader(missing, False, whole, one, _boolean_column, False)


def _text_reader(missing: bool, *, empty_is_missing: bool) -> ColumnReader:
    whole, one = (_texts_or_empty, _text_or_empty) if empty_is_missing else (_texts, _text)
    return ColumnReader(missing, False, whole, one, _text_column, "")


def _numbers(cells: Cells) -> Array:
    _require(cells, {int, float})
    return np.array(cells, np.float64)  # None is NaN


def _number(cell: object) -> float:
    if cell is None:
        return math.nan
    if isinstance(cell, bool) or not isinstance(cell, int | float):
        raise TypeError
    return _exact(cell)


def _numbers_in_texts(cells: Cells) -> Array:
    if "_" in "".join(cells):  # only Python reads "1_0" as ten
        raise ValueError
    if "" in cells:
        cells = [cell or "nan" for cell in cells]
    column: Array = np.array(cells, np.float64)
    if np.signbit(column[column == 0]).any():  # the integer "-0" has no sign
        raise ValueError
    return column


def _number_in_text(cell: str) -> float:
    text = cell.strip()
    return _exact(parse_number(text)) if text else math.nan


def _exact(number: float) -> float:
    """A float if that keeps all digits. Raises OverflowError beyond 64 bits."""
    if isinstance(number, int) and abs(number) > EXACT_INTEGER:
        return int(np.uint64(number) if number > 0 else np.int64(number))
    return float(number)


def _booleans(cells: Cells) -> Array:
    if _require(cells, {bool}):
        cells = [MISSING_BOOLEAN if cell is None else cell for cell in cells]
    return np.array(cells, np.int8)


def _boolean(cell: object) -> bool | float:
    if cell is None:
        return math.nan
    if isinstance(cell, bool):
        return cell
    raise TypeError


def _booleans_in_texts(cells: Cells) -> Array:
    return np.array([_BOOLEAN_CODES[cell] for cell in cells], np.int8)


def _boolean_in_text(cell: str) -> bool | float:
    text = cell.strip().lower()
    return _BOOLEANS[text] if text else math.nan


def _boolean_column(values: list[Any]) -> Array:
    codes = [value if isinstance(value, bool) else MISSING_BOOLEAN for value in values]
    return np.array(codes, np.int8)


def _texts(cells: Cells) -> Array:
    if _require(cells, {str}):
        cells = [math.nan if cell is None else cell for cell in cells]
    return _text_column(cells)


def _text(cell: object) -> str | float:
    if cell is None:
        return math.nan
    if not isinstance(cell, str):
        raise TypeError
    cell.encode()  # raises for half of a surrogate pair
    return cell


def _texts_or_empty(cells: Cells) -> Array:
    return _text_column([cell or math.nan for cell in cells] if "" in cells else cells)


def _text_or_empty(cell: str) -> str | float:
    return _text(cell) if cell else math.nan


def _text_column(texts: Cells) -> Array:
    return np.array(texts, TEXT_DTYPE)


def _require(cells: Cells, allowed: set[type]) -> bool:
    """Whether some cells are None; raises TypeError for any type beyond those allowed."""
    kinds = set(map(type, cells))
    if not kinds <= {*allowed, type(None)}:
        raise TypeError
    return type(None) in kinds
