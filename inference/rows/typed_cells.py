"""Typed cells: rows of mixed columns, kept as they came but for their types.

    number    int or float; digits in CSV          boolean   true or false; also 1, 0 in CSV
    text      a text; whatever stands in CSV       missing   null, or an empty CSV cell

An array of such rows has the dtype object and the shape (rows, features). A number is a float,
or an int where a float could not tell it from its neighbours; what is missing is NaN.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import orjson

from inference.errors import CallerError, UnfitInput
from inference.rows.row_types import EXACT_INTEGER, Array, Row, Rows, parse_number, short_repr
from inference.rows.schema import ColumnType, Schema

_MISSING = math.nan
_TRUTHS = {"true": True, "1": True, "false": False, "0": False}
_EXPECTED = {
    "number": "a number",
    "boolean": "true or false",
    "text": "a text",
}


def coerce_rows(rows: Sequence[Row], schema: Schema, *, text: bool, first: int = 0) -> Rows:
    """Rows of a schema with types, as inference.rows.coercion has it. Every cell is looked at."""
    readers = _readers(schema, text=text)
    kept: list[int] = []
    coerced: list[list[object]] = []
    errors: dict[int, CallerError] = {}
    for index, row in enumerate(rows):
        try:
            coerced.append(_row(row, first + index, readers, schema))
            kept.append(index)
        except UnfitInput as error:
            errors[index] = error
    return Rows(_array(coerced, len(readers)), np.array(kept, dtype=int), errors)


def coerce_array(array: Array, schema: Schema, *, first: int = 0) -> Rows:
    """An array of numbers, shape (rows, features), as typed cells. Raises UnfitInput."""
    if not schema.only_numbers:
        raise UnfitInput(
            field="dtype",
            expected="columns of text too, which this format does not have: send JSON or CSV",
            got=str(array.dtype),
        )
    if array.ndim != 2:
        raise UnfitInput(field="shape", expected=f"(rows, {schema.features})", got=str(array.shape))
    return coerce_rows(array.tolist(), schema, text=False, first=first)


def row_bytes(values: Array) -> list[bytes]:
    """Each row as bytes that only an equal row has."""
    return [orjson.dumps(row) for row in values.tolist()]


Reader = Callable[[object], object]


def _readers(schema: Schema, *, text: bool) -> list[tuple[ColumnType, Reader]]:
    known: dict[ColumnType, Reader] = {"number": _number, "boolean": _truth, "text": _text}
    if text:
        known = {"number": _number_in_text, "boolean": _truth_in_text, "text": _text_in_text}
        if schema.kind == "texts":
            known["text"] = _text  # an empty document is one
    if schema.types is not None:
        return [(kind, known[kind]) for kind in schema.types]
    return [("number", known["number"])] * (schema.features or 0)


def _row(
    row: object, index: int, readers: Sequence[tuple[ColumnType, Reader]], schema: Schema
) -> list[object]:
    expected = f"a list of {len(readers)} values, or an object with their names"
    if not isinstance(row, list | tuple):
        raise UnfitInput(field=f"row {index}", expected=expected, got=short_repr(row))
    if len(row) != len(readers):
        raise UnfitInput(field=f"row {index}", expected=expected, got=f"{len(row)} values")
    cells = []
    for column, (cell, (kind, read)) in enumerate(zip(row, readers, strict=True)):
        try:
            value = read(cell)
        except (ValueError, TypeError, OverflowError):
            raise _unfit(index, column, schema, _EXPECTED[kind], cell) from None
        if isinstance(value, float) and not _usable(value, schema):
            raise _unfit(index, column, schema, _EXPECTED[kind], cell)
        cells.append(value)
    return cells


def _usable(value: float, schema: Schema) -> bool:
    return schema.allows_missing if math.isnan(value) else math.isfinite(value)


def _unfit(row: int, column: int, schema: Schema, expected: str, cell: object) -> UnfitInput:
    name = repr(schema.names[column]) if schema.names else str(column)
    return UnfitInput(field=f"row {row}, column {name}", expected=expected, got=short_repr(cell))


def _number(cell: object) -> object:
    if cell is None:
        return _MISSING
    if isinstance(cell, bool) or not isinstance(cell, int | float):
        raise TypeError
    return _exact(cell)


def _number_in_text(cell: object) -> object:
    text = str(cell).strip()
    return _exact(parse_number(text)) if text else _MISSING


def _exact(number: float) -> float:
    """As a float where that loses nothing. Raises OverflowError beyond 64 bits."""
    if isinstance(number, int) and abs(number) > EXACT_INTEGER:
        return int(np.uint64(number) if number > 0 else np.int64(number))
    return float(number)


def _truth(cell: object) -> object:
    if cell is None:
        return _MISSING
    if isinstance(cell, bool):
        return cell
    raise TypeError


def _truth_in_text(cell: object) -> object:
    text = str(cell).strip().lower()
    if not text:
        return _MISSING
    if text not in _TRUTHS:
        raise ValueError
    return _TRUTHS[text]


def _text(cell: object) -> object:
    if cell is None:
        return _MISSING
    if not isinstance(cell, str):
        raise TypeError
    return cell


def _text_in_text(cell: object) -> object:
    return _MISSING if cell == "" else _text(cell)


def _array(rows: list[list[object]], width: int) -> Array:
    array = np.empty((len(rows), width), dtype=object)
    if rows:
        array[:] = rows
    return array
