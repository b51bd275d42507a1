"""Rows of mixed columns, stored as one typed array per column.

    number     float64. Where integers have more digits than a float: int64 or uint64 if the whole
               column fits into one of them, otherwise Python's int and float as objects.
    boolean    int8: 1, 0, or MISSING_BOOLEAN
    text       NumPy's variable-width text: 16 bytes a cell, and the UTF-8 of longer texts

A missing number or text is NaN.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

Column = npt.NDArray[Any]

#: Beyond this float64 can't tell neighbouring integers apart.
EXACT_INTEGER = 2**53
MISSING_BOOLEAN = -1
TEXT_DTYPE = np.dtypes.StringDType(na_object=math.nan, coerce=False)

#: Indexed by the int8 code; MISSING_BOOLEAN, -1, is the last one.
_BOOLEANS = (False, True, math.nan)
#: Spare room of a growing column, as a share of its length.
_SPARE = 1 / 8


class TypedRows:
    """Columns of the same length. Indexing selects rows."""

    __slots__ = ("columns",)

    def __init__(self, columns: Iterable[Column]) -> None:
        self.columns = tuple(columns)

    def __repr__(self) -> str:
        return f"<TypedRows {self.shape}>"

    def __len__(self) -> int:
        return len(self.columns[0]) if self.columns else 0

    def __getitem__(self, rows: slice | Sequence[int] | Column) -> TypedRows:
        return TypedRows(column[rows] for column in self.columns)

    @property
    def shape(self) -> tuple[int, int]:
        return len(self), len(self.columns)

    @property
    def size(self) -> int:
        return len(self) * len(self.columns)

    def tolist(self) -> list[list[Any]]:
        """Each row's cells: float, int if a float would lose digits, bool or str."""
        return [list(row) for row in self._rows()]

    def objects(self) -> Column:
        """The cells as an array of objects, shape (rows, features)."""
        array = np.empty(self.shape, object)
        for at, column in enumerate(self.columns):
            array[:, at] = cells(column)
        return array

    def row_bytes(self) -> list[bytes]:
        """Each row as bytes that only an equal row has. Cache keys are made of them."""
        return [orjson.dumps(row) for row in self._rows()]

    def _rows(self) -> Iterable[tuple[Any, ...]]:
        return zip(*map(cells, self.columns), strict=True)


class TypedRowsBuilder:
    """Joins parts of rows. Columns grow in place: to keep all parts until the end would take twice
    the memory.
    """

    def __init__(self) -> None:
        self._columns: list[Column] = []
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def append(self, rows: TypedRows) -> None:
        if not self._count:
            self._columns = [column.copy() for column in rows.columns]
            self._count = len(rows)
            return
        count = self._count + len(rows)
        for at, new in enumerate(rows.columns):
            column = self._columns[at]
            if column.dtype != new.dtype:
                column, new = _alike(column[: self._count], new)  # noqa: PLW2901
                self._columns[at] = column
            if count > len(column):
                column.resize(count + int(count * _SPARE), refcheck=False)
            column[self._count : count] = new
        self._count = count

    def rows(self) -> TypedRows:
        """All rows. Nothing can be appended afterwards."""
        for column in self._columns:
            column.resize(self._count, refcheck=False)
        return TypedRows(self._columns)


def concatenate(parts: Sequence[TypedRows]) -> TypedRows:
    builder = TypedRowsBuilder()
    for part in parts:
        builder.append(part)
    return builder.rows()


def is_boolean(column: Column) -> bool:
    return column.dtype.char == "b"


def is_text(column: Column) -> bool:
    return column.dtype.char == "T"


def number_column(numbers: Sequence[float]) -> Column:
    """A column of floats, and of integers of at most 64 bits if a float would lose their digits."""
    if set(map(type, numbers)) <= {float}:
        return np.array(numbers, np.float64)
    if all(isinstance(number, int) or _is_small_integer(number) for number in numbers):
        for dtype in (np.int64, np.uint64):
            try:
                return np.array([int(number) for number in numbers], dtype)
            except OverflowError:
                continue
    return _objects(numbers)


def integer_column(integers: Column) -> Column:
    """A column made of an array of integers."""
    held = np.iinfo(np.int64)
    fits = not len(integers) or int(integers.max()) <= held.max
    return integers.astype(np.int64 if fits else np.uint64)


def cells(column: Column) -> list[Any]:
    """A column's cells as Python objects; see TypedRows.tolist."""
    if is_boolean(column):
        return [_BOOLEANS[code] for code in column.tolist()]
    if column.dtype.kind in "iu":
        return [n if abs(n) > EXACT_INTEGER else float(n) for n in column.tolist()]
    values: list[Any] = column.tolist()
    return values


def boolean_objects(column: Column) -> Column:
    """True, False and NaN as objects."""
    return np.array(_BOOLEANS, object)[column]


def _is_small_integer(number: float) -> bool:
    """Whether a column of integers keeps the float. Minus zero would lose its sign."""
    if not abs(number) <= EXACT_INTEGER or number % 1:
        return False
    return number != 0 or math.copysign(1, number) > 0


def _alike(one: Column, other: Column) -> tuple[Column, Column]:
    """Two columns of numbers, converted to a dtype that keeps the cells of both."""
    column = number_column([*cells(one), *cells(other)])
    return column[: len(one)].copy(), column[len(one) :]


def _objects(values: Sequence[object]) -> Column:
    column = np.empty(len(values), object)
    column[:] = values
    return column
