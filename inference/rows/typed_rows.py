"""Rows of mixed columns, kept as one typed array a column.

    number     float64. Where integers have more digits than a float: int64 or uint64 if the whole
               column fits into one of them, otherwise Python's int and float as objects.
    boolean    int8: 1, 0, or MISSING_BOOLEAN
    text       NumPy's variable-width text: 16 bytes a cell, and its UTF-8 where that is longer

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

#: By the int8 that stands for them; MISSING_BOOLEAN finds the last one.
_BOOLEANS = (False, True, math.nan)
#: How much longer a column grows than it has to, as a part of its length.
_SPARE = 1 / 8


class TypedRows:
    """Rows as columns of one length. It is sliced, and picked from, by rows."""

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
        """Each row's cells: float, int where a float would lose digits, bool or str."""
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
    """Rows put together from parts. Each column grows in place: two copies of all columns at once
    would take too much memory.
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
        """All of them; nothing can be appended afterwards."""
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
    """Numbers in the narrowest form that keeps them: `int` stands for more digits than a float's.

    Integers that int64 and uint64 do not hold raise OverflowError.
    """
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
    """Integers of any width, as number_column keeps them."""
    held = np.iinfo(np.int64)
    fits = not len(integers) or int(integers.max()) <= held.max
    return integers.astype(np.int64 if fits else np.uint64)


def cells(column: Column) -> list[Any]:
    """A column's cells in Python's own types, as TypedRows.tolist has them."""
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
    """Whether an integer's column gives it back; minus zero would lose its sign."""
    if not abs(number) <= EXACT_INTEGER or number % 1:
        return False
    return number != 0 or math.copysign(1, number) > 0


def _alike(one: Column, other: Column) -> tuple[Column, Column]:
    """Columns of numbers in one dtype that keeps the cells of both."""
    column = number_column([*cells(one), *cells(other)])
    return column[: len(one)].copy(), column[len(one) :]


def _objects(values: Sequence[object]) -> Column:
    column = np.empty(len(values), object)
    column[:] = values
    return column
