"""Rows of mixed columns, made of cells, arrays or columns."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping, Sequence

import numpy as np

from inference.errors import CallerError, UnfitInput
from inference.rows import numeric
from inference.rows.row_types import (
    Array,
    Row,
    Rows,
    count_values,
    parse_number,
    shape_got,
    short_repr,
)
from inference.rows.schema import Column, ColumnType, Schema
from inference.rows.typed_columns import ColumnReader, ReadColumn, readers
from inference.rows.typed_rows import TypedRows, storage

#: How many categories an error lists.
MAX_LISTED = 10


def coerce_rows(rows: Sequence[Row], schema: Schema, *, text: bool, first: int = 0) -> Rows:
    """See inference.rows.coercion.coerce_rows."""
    known = readers(schema, text=text)
    whole, kept, errors = rows, None, dict[int, CallerError]()
    if {list} != set(map(type, rows)) or {len(known)} != set(map(len, rows)):
        kept = [at for at, row in enumerate(rows) if _is_row(row, len(known))]
        whole = [rows[at] for at in kept]
        others = set(range(len(rows))).difference(kept)
        errors = {at: _no_row(rows[at], first + at, len(known)) for at in sorted(others)}
    columns = zip(*whole, strict=True) if whole else [()] * len(known)
    read = [reader.read(cells) for reader, cells in zip(known, columns, strict=True)]
    return rows_of(read, schema, first=first, kept=kept, errors=errors)


def _is_row(row: object, width: int) -> bool:
    return isinstance(row, list | tuple) and len(row) == width


def coerce_array(array: Array, schema: Schema, *, first: int = 0) -> Rows:
    """An array of numbers, shape (rows, features), as typed rows. Raises UnfitInput."""
    if not schema.only_numbers:
        raise UnfitInput(
            field="dtype",
            expected="columns of text too, which this format does not have: send JSON or CSV",
            got=str(array.dtype),
        )
    if array.ndim != 2:
        raise UnfitInput(field="shape", expected=f"(rows, {schema.features})", got=shape_got(array))
    known = readers(schema, text=False)
    if array.shape[1] != len(known):
        return coerce_rows(array.tolist(), schema, text=False, first=first)
    read = [read_numbers(array[:, at], reader) for at, reader in enumerate(known)]
    return rows_of(read, schema, first=first)


def read_numbers(numbers: Array, reader: ColumnReader) -> ReadColumn:
    """A column made of an array of numbers."""
    if numbers.dtype.kind in "fiu" and reader.feature.type == "number":
        column = numbers.astype(np.float64)
        if reader.accepts(column):
            return column, {}
    return reader.read(numbers.tolist())


def rows_of(
    read: Sequence[ReadColumn],
    schema: Schema,
    *,
    first: int = 0,
    kept: Sequence[int] | None = None,
    errors: Mapping[int, CallerError] | None = None,
) -> Rows:
    """The rows without a wrong cell, and an error for each other row.

    `kept`: the indexes of these rows in their part; None for all rows. `errors`: of the others.
    """
    values = TypedRows([column for column, _ in read])
    indexes = np.arange(len(values)) if kept is None else np.array(kept, dtype=int)
    rows = Rows(values, indexes, dict(errors or {}))
    wrong = [cells for _, cells in read]
    return _without_wrong(rows, wrong, schema, first) if any(wrong) else rows


def _without_wrong(
    rows: Rows, wrong: Sequence[dict[int, object]], schema: Schema, first: int
) -> Rows:
    """`wrong`: the wrong cells of each column, by position. A row's first one makes its error."""
    errors = dict(rows.errors)
    good = np.ones(len(rows.kept), bool)
    for at, cells in enumerate(wrong):
        for position, cell in cells.items():
            if good[position]:
                good[position] = False
                index = int(rows.kept[position])
                errors[index] = _wrong_cell(cell, first + index, at, schema)
    return Rows(rows.values[good], rows.kept[good], errors)


#: What moments of a unit hold.
_HOLDS = {
    "s": "in whole seconds",
    "ms": "up to milliseconds",
    "us": "up to microseconds",
    "ns": "of the years 1678 to 2261",
}

_EXPECTED: dict[ColumnType, str] = {
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "text": "a text",
    "category": "one of the categories",
    "date": "a date or time in ISO 8601",
}


def _wrong_cell(cell: object, row: int, at: int, schema: Schema) -> UnfitInput:
    column = (schema.columns or ())[at]
    return UnfitInput(
        field=f"row {row}, column {column.name!r}",
        expected=_expected(column),
        got=short_repr(cell) + _why(cell, column),
    )


def _why(cell: object, column: Column) -> str:
    """What else the error says of a float, or of the text of one."""
    if column.type != "integer":
        return ""
    with contextlib.suppress(ValueError):
        number = parse_number(cell) if isinstance(cell, str) else cell
        if isinstance(number, float) and math.isfinite(number) and numeric.may_be_rounded(number):
            return numeric.ROUNDED
    return ""


def _expected(column: Column) -> str:
    expected = _EXPECTED[column.type]
    if column.type == "date":
        zone = "with its" if "," in column.pandas_dtype else "without a"
        return f"{expected} {zone} time zone, {_HOLDS[np.datetime_data(storage(column))[0]]}"
    known = column.categories or column.known
    if known is None:
        return expected
    if len(known) > MAX_LISTED:
        return _EXPECTED["category"]
    return f"one of {', '.join(map(short_repr, known))}"


def _no_row(row: object, index: int, width: int) -> UnfitInput:
    got = count_values(len(row)) if isinstance(row, list | tuple) else short_repr(row)
    return UnfitInput(
        field=f"row {index}",
        expected=f"a list of {count_values(width)}, or an object with their names",
        got=got,
    )
