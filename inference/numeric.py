"""Rows of numbers: what most estimators take, checked and converted at once where that is possible.

Infinity is refused, as scikit-learn itself does. NaN, which is also what null and an empty CSV
cell are, is taken where the model takes missing values.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np

from inference.errors import CallerError, UnfitInput
from inference.rows import EXACT_INTEGER, Array, Row, Rows, shown
from inference.signature import Signature

_NUMBERS = frozenset({int, float, bool})


def fit(rows: Sequence[Row], signature: Signature, *, text: bool, first: int = 0) -> Rows:
    """Turn cells into the model's numbers.

    `text`: digits in a string count as a number (CSV). `first`: what errors call the first row.
    """
    array = _together(rows, text=text)
    if array is None or signature.features not in (None, array.shape[1]):
        return _fit_one_by_one(rows, signature, text=text, first=first)
    return fit_array(array, signature, first=first)


def fit_array(array: Array, signature: Signature, *, first: int = 0) -> Rows:
    """Check numbers of shape (rows, features) against what the model takes."""
    width = signature.features
    if array.ndim != 2 or (width is not None and array.shape[1] != width):
        raise UnfitInput(field="shape", expected=_shape(signature), got=str(array.shape))
    values = _as_exact_floats(array)
    kept = np.arange(len(values))
    if np.isfinite(values).all():
        return Rows(values, kept)
    return _without_unusable(values, kept, {}, signature, first)


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
    return _without_unusable(values, np.array(kept, dtype=int), errors, signature, first)


def _without_unusable(
    values: Array, kept: Array, errors: dict[int, CallerError], signature: Signature, first: int
) -> Rows:
    usable = ~np.isinf(values) if signature.allows_missing else np.isfinite(values)
    for position in np.flatnonzero(~usable.all(axis=1)):
        column = int(np.argmin(usable[position]))
        index = int(kept[position])
        errors[index] = UnfitInput(
            field=f"row {first + index}, column {column}",
            expected="a finite number",
            got=_not_finite(float(values[position, column])),
        )
    whole = usable.all(axis=1)
    return Rows(values[whole], kept[whole], errors)


def _row(row: object, index: int, width: int | None, *, text: bool) -> list[float]:
    expected = "a list of values" if width is None else f"a list of {width} values"
    if not isinstance(row, list | tuple):
        raise UnfitInput(field=f"row {index}", expected=expected, got=shown(row))
    if width is not None and len(row) != width:
        raise UnfitInput(field=f"row {index}", expected=expected, got=f"{len(row)} values")
    return [_number(cell, index, column, text=text) for column, cell in enumerate(row)]


def _number(cell: object, row: int, column: int, *, text: bool) -> float:
    if cell is None or (text and cell == ""):  # missing: the model decides whether it may be
        return math.nan
    # Python reads "1_0" as ten, and nobody else does.
    if isinstance(cell, int | float) or (text and isinstance(cell, str) and "_" not in cell):
        try:
            return float(cell)
        except (ValueError, OverflowError):
            pass
    raise UnfitInput(field=f"row {row}, column {column}", expected="a number", got=shown(cell))


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
