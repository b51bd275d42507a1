"""Rows of numbers, which most estimators take. Valid rows are converted all at once.

Infinity is refused, as in scikit-learn. null and an empty CSV cell become NaN, which is accepted if
the model takes missing values.

Rows are float64, so that equal numbers are equal bytes. If all cells are integers and some would
lose digits as a float, rows are int64 or uint64, whichever holds them all.
"""

from __future__ import annotations

import contextlib
import itertools
import math
from array import array as machine_array
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from inference.errors import CallerError, UnfitInput
from inference.rows.row_types import Array, Row, Rows, count_values, parse_number, short_repr
from inference.rows.schema import Schema
from inference.rows.typed_rows import EXACT_INTEGER

_WHOLE = frozenset({int, bool})


def coerce_rows(rows: Sequence[Row], schema: Schema, *, text: bool, first: int = 0) -> Rows:
    """Convert cells to numbers; see inference.rows.coercion.coerce_rows."""
    values = _at_once(rows, text=text)
    if values is None or schema.features not in (None, values.shape[1]):
        return _coerce_one_by_one(rows, schema, text=text, first=first)
    return _coerce_values(values, lambda dtype: to_integers(rows, dtype, text=text), schema, first)


def to_integers(rows: Sequence[Row], dtype: type, *, text: bool) -> Array:
    """Cells as integers of a type. Raises ValueError, TypeError or OverflowError if one is not an
    integer or does not fit into the type.
    """
    return _texts_to_integers(rows, dtype) if text else _numbers_to_integers(rows, dtype)


def coerce_array(array: Array, schema: Schema, *, first: int = 0) -> Rows:
    """Check numbers, shape (rows, features), against the schema. Raises UnfitInput."""
    width = schema.features
    if array.ndim != 2 or (width is not None and array.shape[1] != width):
        raise UnfitInput(field="shape", expected=_shape(schema), got=str(array.shape))
    # The array may have another byte order, and an unaligned start.
    values = np.require(array, np.float64, ["C", "A"])
    return _coerce_values(values, lambda dtype: array_to_integers(array, dtype), schema, first)


def coerce_plain(values: Array) -> Rows | None:
    """Float64 rows of the model's width; None if one may be missing, infinite or a long integer."""
    # A sum of squares bounds each number, takes one pass, and is NaN if a number is.
    if np.vdot(values, values) < EXACT_INTEGER**2:
        return Rows(values, np.arange(len(values)))
    return None


def coerce_columns(columns: Sequence[Array], schema: Schema, *, first: int = 0) -> Rows:
    """As coerce_array, for columns of numbers that have a type each."""
    width = len(columns)
    if not width or schema.features not in (None, width):
        raise UnfitInput(field="columns", expected=_width(schema), got=str(width))
    values = np.column_stack([np.asarray(column, np.float64) for column in columns])
    return _coerce_values(values, lambda dtype: columns_to_integers(columns, dtype), schema, first)


def columns_to_integers(columns: Sequence[Array], dtype: type) -> Array:
    """As to_integers, for columns."""
    return np.column_stack([array_to_integers(column, dtype) for column in columns])


def _coerce_values(
    values: Array, integers: Callable[[type], Array], schema: Schema, first: int
) -> Rows:
    """`integers` converts the same values to integers of a type, or raises as to_integers does."""
    if (rows := coerce_plain(values)) is not None:
        return rows
    kept = np.arange(len(values))
    return _without_unusable(_exact(values, integers), kept, {}, schema, first)


def _exact(values: Array, integers: Callable[[type], Array]) -> Array:
    for dtype in (np.int64, np.uint64) if values.size else ():
        try:
            found = integers(dtype)
        except (ValueError, TypeError, OverflowError):
            continue
        return found if _beyond_float(found) else values
    return values


def _beyond_float(integers: Array) -> bool:
    return int(integers.max()) > EXACT_INTEGER or int(integers.min()) < -EXACT_INTEGER


def _at_once(rows: Sequence[Row], *, text: bool) -> Array | None:
    """All rows as one array; None if rows differ in length or a cell is not a number."""
    try:
        return _texts(rows) if text else _numbers(rows)
    except (ValueError, TypeError, OverflowError):
        return None


def _numbers(rows: Sequence[Any]) -> Array:
    flat = machine_array("d")
    for row in rows:
        if len(row) != len(rows[0]):
            raise ValueError
        flat.fromlist(row)  # unlike NumPy it accepts only numbers, and it is faster
    return np.frombuffer(flat).reshape(len(rows), -1)


def _texts(rows: Iterable[Any]) -> Array:
    if any("_" in "".join(row) for row in rows):  # only Python reads "1_0" as ten
        raise ValueError
    array: Array = np.array(rows, dtype=np.float64)
    if array.ndim != 2:
        raise ValueError
    return array


def _numbers_to_integers(rows: Sequence[Row], dtype: type) -> Array:
    if not set(map(type, itertools.chain.from_iterable(rows))) <= _WHOLE:
        raise TypeError
    return np.array(rows, dtype=dtype)


def _texts_to_integers(rows: Iterable[Any], dtype: type) -> Array:
    return np.array([[int(cell) for cell in row] for row in rows], dtype=dtype)


def array_to_integers(array: Array, dtype: type) -> Array:
    """As to_integers, for an array. Raises TypeError."""
    held = np.iinfo(dtype)
    if array.dtype.kind not in "iu" or array.max() > held.max or array.min() < held.min:
        raise TypeError
    return np.ascontiguousarray(array, dtype=dtype)


def _coerce_one_by_one(rows: Sequence[Row], schema: Schema, *, text: bool, first: int) -> Rows:
    width = schema.features
    if width is None and isinstance(rows[0], list | tuple):
        width = len(rows[0])
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
    values = _exact(values, lambda dtype: _numbers_to_integers(numbers, dtype))
    return _without_unusable(values, np.array(kept, dtype=int), errors, schema, first)


def _without_unusable(
    values: Array, kept: Array, errors: dict[int, CallerError], schema: Schema, first: int
) -> Rows:
    usable = ~np.isinf(values) if schema.allows_missing else np.isfinite(values)
    whole = usable.all(axis=1)
    for position in np.flatnonzero(~whole):
        column = int(np.argmin(usable[position]))
        index = int(kept[position])
        errors[index] = UnfitInput(
            field=f"row {first + index}, column {column}",
            expected="a finite number",
            got=_not_finite(float(values[position, column])),
        )
    return Rows(values[whole], kept[whole], errors)


def _row(row: object, index: int, width: int | None, *, text: bool) -> list[float]:
    expected = "a list of values" if width is None else f"a list of {count_values(width)}"
    if not isinstance(row, list | tuple):
        raise UnfitInput(field=f"row {index}", expected=expected, got=short_repr(row))
    if width is not None and len(row) != width:
        raise UnfitInput(field=f"row {index}", expected=expected, got=count_values(len(row)))
    return [_number(cell, index, column, text=text) for column, cell in enumerate(row)]


def _number(cell: object, row: int, column: int, *, text: bool) -> float:
    if cell is None or (text and cell == ""):  # missing; refused below unless the schema allows it
        return math.nan
    with contextlib.suppress(ValueError, OverflowError):
        number = parse_number(cell) if text and isinstance(cell, str) else cell
        if isinstance(number, int | float):
            float(number)  # raises for an integer beyond float64
            return number
    raise UnfitInput(field=f"row {row}, column {column}", expected="a number", got=short_repr(cell))


def _shape(schema: Schema) -> str:
    return f"(rows, {_width(schema)})"


def _width(schema: Schema) -> str:
    return "features" if schema.features is None else str(schema.features)


def _not_finite(number: float) -> str:
    return "nothing (null, an empty cell or NaN)" if math.isnan(number) else str(number)
