"""From cells to numbers: what the model takes, row by row.

A row that does not fit is an error of its own; whether one such row refuses the whole request
(HTTP, a message) or only itself (a batch in a blob) is for the caller to say.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.errors import CallerError, UnfitInput

Array = npt.NDArray[Any]
Row = Sequence[object]

#: Beyond this float64 can't tell neighbouring integers apart.
EXACT_INTEGER = 2**53

_NUMBERS = frozenset({int, float, bool})


@dataclass(frozen=True, kw_only=True, slots=True)
class Signature:
    """What an estimator takes: how many features, called what, and whether some may be missing."""

    features: int | None = None
    names: tuple[str, ...] | None = None
    allows_missing: bool = False

    def order(self, columns: Sequence[str]) -> list[int] | None:
        """Positions of the model's features among `columns`; None where order is all there is."""
        if self.names is None:
            return None
        positions = {name: position for position, name in enumerate(columns)}
        for name in self.names:
            if name not in positions:
                raise UnfitInput(field=f"column {name!r}", expected="present", got="missing")
        return [positions[name] for name in self.names]


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows that fit, as numbers of shape (len(kept), features), and why the others don't."""

    values: Array
    #: Which of the rows that came each row of `values` is.
    kept: Array
    errors: dict[int, CallerError] = field(default_factory=dict)

    def all_fit(self) -> Array:
        """The values, where every row fits; raises the first row's error otherwise."""
        if self.errors:
            raise self.errors[min(self.errors)]
        return self.values


def fit(rows: Sequence[Row], signature: Signature, *, text: bool, first: int = 0) -> Rows:
    """Turn cells into the model's numbers.

    `text`: digits in a string count as a number (CSV). `first`: what errors call the first row.
    """
    array = _together(rows, text=text)
    if array is None or signature.features not in (None, array.shape[1]):
        return _fit_one_by_one(rows, signature, text=text, first=first)
    return fit_array(array, signature, first=first)


def reorder(cells: Iterable[Row], order: list[int] | None) -> list[Row]:
    """Bring the model's columns into its order; a row too short to do so stays as it is."""
    if order is None:
        return list(cells)
    longest = max(order)
    return [[row[i] for i in order] if len(row) > longest else row for row in cells]


def fit_array(array: Array, signature: Signature, *, first: int = 0) -> Rows:
    """Check numbers of shape (rows, features) against what the model takes."""
    width = signature.features
    if array.ndim != 2 or (width is not None and array.shape[1] != width):
        raise UnfitInput(field="shape", expected=_shape(signature), got=str(array.shape))
    values = _as_exact_floats(array)
    kept = np.arange(len(values))
    if signature.allows_missing or np.isfinite(values).all():
        return Rows(values, kept)
    return _without_missing(values, kept, {}, first)


def _together(rows: Sequence[Row], *, text: bool) -> Array | None:
    """All rows as one array; None where they differ in length or a cell is no number."""
    try:
        # One long text would make NumPy give every cell its width.
        if not text and not set(map(type, itertools.chain.from_iterable(rows))) <= _NUMBERS:
            return None
        array: Array = np.array(rows, dtype=np.float64 if text else None)
    except (ValueError, TypeError, OverflowError):
        return None
    return array if array.dtype.kind in "fiub" and array.ndim == 2 else None


def _fit_one_by_one(rows: Sequence[Row], signature: Signature, *, text: bool, first: int) -> Rows:
    width = signature.features or (len(rows[0]) if isinstance(rows[0], list | tuple) else None)
    numbers: list[list[float]] = []
    kept: list[int] = []
    errors: dict[int, CallerError] = {}
    for index, row in enumerate(rows):
        try:
            numbers.append(_row(row, first + index, width, text=text))
            kept.append(index)
        except UnfitInput as error:
            errors[index] = error
    values = np.array(numbers, dtype=np.float64).reshape(len(numbers), width or 0)
    if signature.allows_missing:
        return Rows(values, np.array(kept, dtype=int), errors)
    return _without_missing(values, np.array(kept, dtype=int), errors, first)


def _without_missing(
    values: Array, kept: Array, errors: dict[int, CallerError], first: int
) -> Rows:
    finite = np.isfinite(values)
    for position in np.flatnonzero(~finite.all(axis=1)):
        column = int(np.argmin(finite[position]))
        index = int(kept[position])
        errors[index] = UnfitInput(
            field=f"row {first + index}, column {column}",
            expected="a finite number",
            got=_not_finite(float(values[position, column])),
        )
    whole = finite.all(axis=1)
    return Rows(values[whole], kept[whole], errors)


def _row(row: object, index: int, width: int | None, *, text: bool) -> list[float]:
    expected = "a list of values" if width is None else f"a list of {width} values"
    if not isinstance(row, list | tuple):
        raise UnfitInput(field=f"row {index}", expected=expected, got=_cell(row))
    if width is not None and len(row) != width:
        raise UnfitInput(field=f"row {index}", expected=expected, got=f"{len(row)} values")
    return [_number(cell, index, column, text=text) for column, cell in enumerate(row)]


def _number(cell: object, row: int, column: int, *, text: bool) -> float:
    if cell is None or (text and cell == ""):  # missing: the model decides whether it may be
        return math.nan
    if isinstance(cell, int | float) or (text and isinstance(cell, str)):
        try:
            return float(cell)
        except (ValueError, OverflowError):
            pass
    raise UnfitInput(field=f"row {row}, column {column}", expected="a number", got=_cell(cell))


def _as_exact_floats(array: Array) -> Array:
    """As float64, so that equal numbers are equal bytes; integers too big for that stay as sent."""
    if array.dtype.kind in "iu" and len(array) and _beyond_float(array):
        return np.ascontiguousarray(array)
    return np.ascontiguousarray(array, dtype=np.float64)


def _beyond_float(array: Array) -> bool:
    return int(array.max(initial=0)) > EXACT_INTEGER or int(array.min(initial=0)) < -EXACT_INTEGER


def _shape(signature: Signature) -> str:
    return "(rows, features)" if signature.features is None else f"(rows, {signature.features})"


def _not_finite(number: float) -> str:
    return "nothing (null, an empty cell or NaN)" if math.isnan(number) else str(number)


def _cell(cell: object) -> str:
    """A cell as an error shows it: its kind and, where short, itself."""
    if isinstance(cell, str):
        return repr(cell) if len(cell) <= 40 else f"a text of {len(cell)} characters"
    if isinstance(cell, dict):
        return "an object"
    if isinstance(cell, list):
        return f"a list of {len(cell)}"
    return "null" if cell is None else str(cell)[:40]
