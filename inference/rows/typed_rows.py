"""Rows of typed columns, stored as one NumPy array per column.

integer    int64 or uint64; float64 where training had gaps as floats, so that a missing cell
           is NaN; else INTEGER_OR_MISSING where a cell may be missing
number     float64; a missing cell is NaN
boolean    int8: 1, 0, or MISSING_CODE
text       NumPy's variable-width text: 16 bytes a cell, and the UTF-8 of longer texts; a
           missing cell is NaN
category   int32: the position in Column.categories, or MISSING_CODE
date       datetime64; a missing cell is NaT. Of a column with a time zone: UTC
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from inference.rows.schema import ARROW
from inference.rows.schema import Column as Feature

Column = npt.NDArray[Any]

MISSING_CODE = -1
TEXT_DTYPE = np.dtypes.StringDType(na_object=math.nan, coerce=False)
INTEGER_OR_MISSING = np.dtype([("value", np.int64), ("missing", np.bool_)])

#: Indexed by the int8 code; MISSING_CODE, -1, is the last one.
_BOOLEANS = (False, True, math.nan)
#: Spare room of a growing column, as a share of its length.
_SPARE = 1 / 8


def storage(feature: Feature) -> np.dtype[Any]:
    """The dtype of a feature's column."""
    dtype = feature.pandas_dtype.lower().removesuffix(ARROW)
    if feature.type == "integer":
        if feature.missing:
            return np.dtype(np.float64) if dtype.startswith("float") else INTEGER_OR_MISSING
        return np.dtype(np.uint64 if dtype == "uint64" else np.int64)
    if feature.type == "date":
        return np.dtype(feature.pandas_dtype.partition(",")[0].rstrip("]") + "]")
    return _STORAGE[feature.type]


_STORAGE: dict[str, np.dtype[Any]] = {
    "number": np.dtype(np.float64),
    "boolean": np.dtype(np.int8),
    "text": TEXT_DTYPE,
    "category": np.dtype(np.int32),
}


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
        """Each row's cells: float, int, bool or str; a category's position; a date as ISO text.

        A missing cell is NaN.
        """
        return [list(row) for row in self._rows()]

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
        for column, new in zip(self._columns, rows.columns, strict=True):
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


def is_text(column: Column) -> bool:
    return column.dtype.char == "T"


def missing(column: Column) -> Column:
    """Whether each cell is missing."""
    if column.dtype == INTEGER_OR_MISSING:
        gone: Column = column["missing"]
        return gone
    if column.dtype.kind == "M":
        return np.isnat(column)
    if column.dtype.kind == "f" or is_text(column):
        return np.isnan(column)
    if column.dtype in (np.int8, np.int32):
        return np.equal(column, MISSING_CODE)
    return np.zeros(len(column), bool)


def cells(column: Column) -> list[Any]:
    """A column's cells as Python objects; see TypedRows.tolist."""
    if column.dtype == np.int8:
        return [_BOOLEANS[code] for code in column.tolist()]
    if column.dtype == INTEGER_OR_MISSING:
        return _with_gaps(column["value"], column["missing"])
    if column.dtype == np.int32:
        return _with_gaps(column, column == MISSING_CODE)
    if column.dtype.kind == "M":
        return _with_gaps(np.datetime_as_string(column), np.isnat(column))
    values: list[Any] = column.tolist()
    return values


def _with_gaps(column: Column, gaps: Column) -> list[Any]:
    values: list[Any] = column.tolist()
    for position in np.flatnonzero(gaps).tolist():
        values[position] = math.nan
    return values


def boolean_objects(column: Column) -> Column:
    """True, False and NaN as objects."""
    return np.array(_BOOLEANS, object)[column]
