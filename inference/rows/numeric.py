"""Rows of numbers, which most estimators take. Valid rows are converted all at once.

Infinity is refused, as in scikit-learn. null and CSV's words for a missing cell become NaN, which
is accepted if the model takes missing values.

Rows have the dtype of the schema, whatever the numbers are. Where that is a type of integers, a
number that is not whole or out of its range is refused.
"""

from __future__ import annotations

import contextlib
import math
from array import array as machine_array
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

import numpy as np
import orjson
import simdjson

from inference.errors import CallerError, UnfitInput
from inference.rows.row_types import (
    Array,
    Row,
    Rows,
    count_values,
    only_python_reads,
    parse_number,
    shape_got,
    short_repr,
)
from inference.rows.schema import Schema

#: Up to here float64 holds every integer.
EXACT_INTEGER = 2**53
#: What an error says of a float that may stand for several integers.
ROUNDED = ", a float beyond 2**53, which may have lost digits"
_EXACT_SQUARE = float(EXACT_INTEGER**2)
#: Columns become rows so many rows at a time, which the processor's cache holds.
_BLOCK_ROWS = 500
#: How many numbers BLAS sums in one thread.
_SMALL = 8 * 1024
#: So many rows are converted one after the other.
_FEW_ROWS = 16


def coerce_rows(rows: Sequence[Row], schema: Schema, *, text: bool, first: int = 0) -> Rows:
    """Convert cells to numbers; see inference.rows.coercion.coerce_rows."""
    values = _at_once(rows, text=text)
    if values is None or schema.features not in (None, values.shape[1]):
        return _coerce_one_by_one(rows, schema, text=text, first=first)
    if (plain := coerce_plain(values, schema)) is not None:
        return plain
    return _coerce_one_by_one(rows, schema, text=text, first=first)


def coerce_array(array: Array, schema: Schema, *, first: int = 0) -> Rows:
    """Check numbers, shape (rows, features), against the schema. Raises UnfitInput."""
    width = schema.features
    if array.ndim != 2 or (width is not None and array.shape[1] != width):
        raise UnfitInput(field="shape", expected=_shape(schema), got=shape_got(array))
    # The array may have another byte order, and an unaligned start.
    values = np.require(array, array.dtype.newbyteorder("="), ["C", "A"])
    return _coerce_values(values, schema, first)


def coerce_columns(columns: Sequence[Array], schema: Schema, *, first: int = 0) -> Rows:
    """As coerce_array, for columns of numbers that have a type each."""
    width = len(columns)
    if not width or schema.features not in (None, width):
        raise UnfitInput(field="columns", expected=_width(schema), got=str(width))
    common = np.dtype(np.float64)
    if np.dtype(schema.dtype).kind in "iu" and any(map(exceeds_floats, columns)):
        if len({column.dtype for column in columns}) > 1 or columns[0].dtype == object:
            rows = list(zip(*(column.tolist() for column in columns), strict=True))
            return _coerce_one_by_one(rows, schema, text=False, first=first)
        common = columns[0].dtype
    return _coerce_values(_stacked(columns, common), schema, first)


def _stacked(columns: Sequence[Array], dtype: np.dtype[Any]) -> Array:
    values = np.empty((len(columns[0]), len(columns)), dtype)
    for start in range(0, len(values), _BLOCK_ROWS):
        block = slice(start, start + _BLOCK_ROWS)
        values[block] = np.array([column[block] for column in columns], dtype).T
    return values


def exceeds_floats(column: Array) -> bool:
    """Whether an integer of a column may have no float64."""
    if column.dtype.kind not in "iu":
        return column.dtype == object
    if column.dtype.itemsize < 8 or not len(column):
        return False
    return int(column.max()) > EXACT_INTEGER or int(column.min()) < -EXACT_INTEGER


def coerce_plain(values: Array, schema: Schema) -> Rows | None:
    """Rows of the model's width in its dtype; None if a number may not fit.

    `values`: float64.
    """
    if not _is_plain(values):
        return None
    if schema.dtype != "float64":
        with np.errstate(invalid="ignore"):  # out of the range: it differs then
            converted = values.astype(schema.dtype)
        if converted.dtype.kind in "iu" and (converted != values).any():
            return None
        values = converted
    return Rows(values, np.arange(len(values)))


def _is_plain(values: Array) -> bool:
    """Whether all numbers are exact, and none is NaN."""
    # A sum of squares bounds each number, takes one pass, and is NaN if a number is.
    if values.size <= _SMALL:
        squares = np.vdot(values, values)
    else:  # of many numbers, BLAS would make the sum in threads, which wait for each other
        flat = values.reshape(-1)
        squares = np.einsum("i,i->", flat, flat)
    if squares < _EXACT_SQUARE:
        return True
    return bool(values.max() < EXACT_INTEGER and values.min() > -EXACT_INTEGER)


def _coerce_values(values: Array, schema: Schema, first: int) -> Rows:
    if values.dtype == np.float64 and (rows := coerce_plain(values, schema)) is not None:
        return rows
    fits = _fits(values, schema)
    whole = fits.all(axis=1)
    errors: dict[int, CallerError] = {}
    for position in np.flatnonzero(~whole).tolist():
        column = int(np.argmin(fits[position]))
        errors[position] = UnfitInput(
            field=f"row {first + position}, column {column}",
            expected=_expected(schema),
            got=_describe(values[position, column].item(), schema),
        )
    with np.errstate(over="ignore"):
        converted = values[whole].astype(schema.dtype)
    return Rows(converted, np.flatnonzero(whole), errors)


def _fits(values: Array, schema: Schema) -> Array:
    """Whether each number is one that the model takes."""
    dtype = np.dtype(schema.dtype)
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        inside = (values >= limits.min) & (values <= limits.max)
        if values.dtype.kind == "f":
            inside &= (values % 1 == 0) & (np.abs(values) < EXACT_INTEGER)
        return inside
    with np.errstate(over="ignore"):
        finite = np.isfinite(values.astype(dtype))
    return finite | np.isnan(values) if schema.allows_missing else finite


def may_be_rounded(number: object) -> bool:
    """Whether a number is a float that other integers are rounded to, too."""
    return isinstance(number, float) and not abs(number) < EXACT_INTEGER


def _expected(schema: Schema) -> str:
    kind = np.dtype(schema.dtype).kind
    return "a finite number" if kind == "f" else f"a whole number that fits into {schema.dtype}"


def _at_once(rows: Sequence[Row], *, text: bool) -> Array | None:
    """All rows as one array; None if rows differ in length or a cell is not a number."""
    try:
        return _texts(rows) if text else _numbers(rows)
    except (ValueError, TypeError, OverflowError):
        return None


def _numbers(rows: Sequence[Any]) -> Array:
    if len(rows) > _FEW_ROWS and set(map(type, rows[0])) == {int}:
        return _many_integers(rows)
    flat = machine_array("d")
    for row in rows:
        if len(row) != len(rows[0]):
            raise ValueError
        flat.fromlist(row)  # unlike NumPy it accepts only numbers, and it is faster
    return np.frombuffer(flat).reshape(len(rows), -1)


def _many_integers(rows: Sequence[Any]) -> Array:
    """Rows of numbers through JSON, which takes half the time for each that is an integer."""
    if len(set(map(len, rows))) > 1:
        raise ValueError
    text = orjson.dumps(list(chain.from_iterable(rows)))
    if b"[" in text[1:]:  # the numbers of a list within a row would be read as the row's own
        raise ValueError
    try:
        document: Any = simdjson.Parser().parse(text)
        return np.frombuffer(document.as_buffer(of_type="d")).reshape(len(rows), -1)
    except RuntimeError as error:  # not a number
        raise ValueError from error


def _texts(rows: Iterable[Any]) -> Array:
    if any(only_python_reads("".join(row)) for row in rows):
        raise ValueError
    array: Array = np.array(rows, dtype=np.float64)
    if array.ndim != 2:
        raise ValueError
    return array


def _coerce_one_by_one(rows: Sequence[Row], schema: Schema, *, text: bool, first: int) -> Rows:
    width = schema.features
    if width is None:
        width = next((len(row) for row in rows if isinstance(row, list | tuple)), None)
    words = frozenset(schema.na) if text else frozenset({None})
    numbers: list[list[float]] = []
    kept: list[int] = []
    errors: dict[int, CallerError] = {}
    for index, row in enumerate(rows):
        try:
            cells = _require_row(row, first + index, width)
            numbers.append(
                [
                    _number(cell, f"row {first + index}, column {at}", schema, words)
                    for at, cell in enumerate(cells)
                ]
            )
            kept.append(index)
        except UnfitInput as error:
            errors[index] = error
    values = np.array(numbers, dtype=schema.dtype).reshape(len(numbers), width or 0)
    return Rows(values, np.array(kept, dtype=int), errors)


def _require_row(row: object, index: int, width: int | None) -> Sequence[Any]:
    expected = "a list of values" if width is None else f"a list of {count_values(width)}"
    if not isinstance(row, list | tuple):
        raise UnfitInput(field=f"row {index}", expected=expected, got=short_repr(row))
    if width is not None and len(row) != width:
        raise UnfitInput(field=f"row {index}", expected=expected, got=count_values(len(row)))
    return row


def _number(cell: object, place: str, schema: Schema, words: frozenset[object]) -> float:
    """The cell's number. Raises UnfitInput. `words`: what stands for a missing cell."""
    if isinstance(cell, str | None) and cell in words:
        if schema.allows_missing:
            return math.nan
        got = "nothing (null, an empty cell or NaN)" if cell in (None, "") else short_repr(cell)
        raise UnfitInput(field=place, expected=_expected(schema), got=got)
    number: Any = cell
    with contextlib.suppress(ValueError, OverflowError):
        if isinstance(cell, str) and None not in words:
            number = parse_number(cell)
        if isinstance(number, int | float):
            return _fitting(number, schema, place)
    raise UnfitInput(field=place, expected="a number", got=short_repr(cell))


def _fitting(number: float, schema: Schema, place: str) -> float:
    dtype = np.dtype(schema.dtype)
    with np.errstate(over="ignore"):
        if dtype.kind in "iu":
            limits = np.iinfo(dtype)
            if math.isfinite(number) and number % 1 == 0 and not may_be_rounded(number):
                whole = int(number)
                if limits.min <= whole <= limits.max:
                    return whole
        elif math.isfinite(dtype.type(number)) or (math.isnan(number) and schema.allows_missing):
            return number
    raise UnfitInput(field=place, expected=_expected(schema), got=_describe(number, schema))


def _shape(schema: Schema) -> str:
    return f"(rows, {_width(schema)})"


def _width(schema: Schema) -> str:
    return "features" if schema.features is None else str(schema.features)


def _describe(number: float, schema: Schema) -> str:
    if number != number:  # noqa: PLR0124
        return "nothing (null, an empty cell or NaN)"
    if np.dtype(schema.dtype).kind in "iu" and math.isfinite(number) and may_be_rounded(number):
        return f"{number}{ROUNDED}"
    return str(number)
