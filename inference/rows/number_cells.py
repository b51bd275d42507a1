"""Cells of integer and number columns. `text`: cells are texts, as in CSV."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from inference.rows.numeric import may_be_rounded
from inference.rows.row_types import Array, only_python_reads, parse_number
from inference.rows.schema import ARROW, Column
from inference.rows.typed_rows import INTEGER_OR_MISSING, storage

_NONE = type(None)
#: Names of floats that hold less than float64. Arrow's are the ones without digits.
_NARROW: dict[str, type[np.floating[Any]]] = {
    "float32": np.float32,
    "float": np.float32,
    "float16": np.float16,
    "halffloat": np.float16,
}


class NumberCells:
    """Finite numbers as float64; a missing one is NaN."""

    placeholder = 0.0

    def __init__(self, column: Column, *, text: bool) -> None:
        self._text, self._limit = text, float_limit(column)

    def whole(self, cells: Sequence[Any]) -> Array:
        return _texts(cells) if self._text else _numbers(cells, {int, float, _NONE})

    def one(self, cell: Any) -> float:
        number = float(parse_number(cell) if self._text else _require_number(cell))
        if not -self._limit < number < self._limit:  # NaN is not
            raise ValueError
        return number

    def column(self, values: list[Any]) -> Array:
        return np.array(values, np.float64)  # None is NaN


def float_limit(column: Column) -> float:
    """From here on a number is infinite once it has the column's training dtype."""
    narrow = _NARROW.get(column.pandas_dtype.lower().removesuffix(ARROW))
    if narrow is None:
        return math.inf
    known = np.finfo(narrow)
    # Half a step above the largest one, which numbers below are rounded to.
    return 2.0**known.maxexp - 2.0 ** (known.maxexp - known.nmant - 2)


def infinite(numbers: Array, column: Column) -> Array:
    """Whether each number of float64 is infinite, or would be in the column's training dtype."""
    found: Array = np.abs(numbers) >= float_limit(column)
    return found


class IntegerCells:
    """Whole numbers in the dtype of typed_rows.storage."""

    placeholder = 0

    def __init__(self, column: Column, *, text: bool) -> None:
        self._text, self._storage = text, storage(column)
        self.limits = integer_range(column)
        #: Whether training's column had floats: these keep all digits that it had.
        self.takes_floats = column.pandas_dtype.lower().startswith(("float", "double"))

    def whole(self, cells: Sequence[Any]) -> Array:
        if self._text:
            if None in cells or only_python_reads("".join(cells)):
                raise ValueError
            column: Array = np.array([int(cell) for cell in cells], np.int64)
        else:
            column = _numbers(cells, {int}, np.int64)
        if len(column) and (column.max() >= self.limits.stop or column.min() < self.limits.start):
            raise ValueError
        if self._storage == INTEGER_OR_MISSING:
            return with_missing(column, np.zeros(len(column), bool))
        return column.astype(self._storage)

    def one(self, cell: Any) -> int:
        number = parse_number(cell) if self._text else _require_number(cell)
        whole = int(number)
        if whole != number or whole not in self.limits:
            raise ValueError
        if not self.takes_floats and may_be_rounded(number):
            raise ValueError
        return whole

    def column(self, values: list[Any]) -> Array:
        if self._storage == INTEGER_OR_MISSING:
            gone = np.array([value is None for value in values], bool)
            return with_missing(np.array([value or 0 for value in values], np.int64), gone)
        return np.array(values, self._storage)


def integer_range(column: Column) -> range:
    """The integers that the column's training dtype and its storage hold."""
    name = column.pandas_dtype.lower().removesuffix(ARROW)
    limits = np.iinfo(name if name.lstrip("u").startswith("int") else "int64")
    most = limits.max
    if storage(column) == INTEGER_OR_MISSING:
        most = min(most, np.iinfo(np.int64).max)
    return range(limits.min, most + 1)


def with_missing(integers: Array, gone: Array) -> Array:
    """A column of INTEGER_OR_MISSING."""
    column: Array = np.zeros(len(integers), INTEGER_OR_MISSING)
    column["value"] = np.where(gone, 0, integers)  # equal cells are equal bytes
    column["missing"] = gone
    return column


def _require_number(cell: object) -> float:
    if isinstance(cell, bool) or not isinstance(cell, int | float):
        raise TypeError
    return cell


def _numbers(cells: Sequence[Any], allowed: set[type], dtype: type = np.float64) -> Array:
    if not set(map(type, cells)) <= allowed:
        raise TypeError
    return np.array(cells, dtype)  # None is NaN


def _texts(cells: Sequence[Any]) -> Array:
    gaps = cells.count(None)
    if gaps:
        cells = ["nan" if cell is None else cell for cell in cells]
    if only_python_reads("".join(cells)):
        raise ValueError
    column: Array = np.array(cells, np.float64)
    if np.count_nonzero(np.isnan(column)) != gaps:  # NAN, which is no word for a missing cell
        raise ValueError
    return column
