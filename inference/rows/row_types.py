"""Rows in the model's types, and errors for the rows that do not fit.

The caller decides whether such a row refuses the whole request (HTTP, a message) or only itself (a
batch in a blob).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from inference.errors import CallerError
from inference.rows.typed_rows import TypedRows

Array = npt.NDArray[Any]
Row = Sequence[object]

#: An array of numbers, shape (rows, features), or typed columns. Both are indexed by rows.
Values = Array | TypedRows


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows that fit, and an error for each other row."""

    #: Shape (len(kept), features).
    values: Values
    #: The index in the input of each row of `values`.
    kept: Array
    errors: dict[int, CallerError] = field(default_factory=dict)

    def require_valid(self) -> Values:
        """The values if every row fits. Raises the first row's error otherwise."""
        if self.errors:
            raise self.errors[min(self.errors)]
        return self.values

    def numbers(self) -> Array:
        """As require_valid, for rows that are an array."""
        return cast("Array", self.require_valid())

    def typed(self) -> TypedRows:
        """As require_valid, for rows of typed columns."""
        return cast("TypedRows", self.require_valid())


def whole_rows(values: Values) -> Rows:
    """Rows that all fit."""
    return Rows(values, np.arange(len(values)))


@dataclass(frozen=True, slots=True)
class Ragged:
    """Stands for a row with more or fewer cells than the header has columns. Its cells can't be
    assigned to columns, even if there are as many as the model takes.
    """

    cells: int
    columns: int


def reorder(cells: Iterable[Row], order: list[int] | None, columns: int) -> list[Any]:
    """Pick the model's columns in its order. `columns`: the number of columns in the header."""
    if order is None:
        return list(cells)
    return [_in_order(row, order, columns) for row in cells]


def _in_order(row: Any, order: list[int], columns: int) -> Any:
    if not isinstance(row, list | tuple):
        return row
    return [row[i] for i in order] if len(row) == columns else Ragged(len(row), columns)


def only_python_reads(text: str) -> bool:
    """Whether a text may hold a number that pandas and JSON do not know: `1_0`, or one with digits
    or spaces beyond ASCII.
    """
    return "_" in text or not text.isascii()


def parse_number(text: str) -> int | float:
    """The number that a text spells. Raises ValueError."""
    if only_python_reads(text):
        raise ValueError(text)
    try:
        return int(text) or float(text)  # of integers only floats have -0
    except ValueError:
        return float(text)


def count_values(count: int) -> str:
    """`1 value`, `2 values`."""
    return f"{count} value" if count == 1 else f"{count} values"


def shape_got(array: Array) -> str:
    """An array's shape in an error message; of a flat one, how to make rows of it."""
    if array.ndim != 1:
        return str(array.shape)
    return (
        "numbers in one dimension: rows.reshape(-1, 1) makes each one a row,"
        " rows.reshape(1, -1) all of them one row"
    )


def short_repr(cell: object) -> str:
    """A cell in an error message: itself where it is short, else its kind and length."""
    if isinstance(cell, str):
        return repr(cell) if len(cell) <= 40 else f"a text of {len(cell)} characters"
    if isinstance(cell, dict):
        return "an object"
    if isinstance(cell, list):
        return f"a list of {len(cell)}"
    if isinstance(cell, Ragged):
        return f"{cell.cells} values under {cell.columns} columns"
    return "null" if cell is None else str(cell)[:40]
