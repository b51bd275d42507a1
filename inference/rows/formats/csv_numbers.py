"""CSV lines that are nothing but numbers, read without making an object of each cell.

The text becomes one JSON array, which simdjson reads. It accepts less than
inference.rows.number_cells: anything else, and anything wrong, is read there, cell by cell.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import simdjson

from inference.limits import MAX_ROW_CELLS
from inference.rows import numeric
from inference.rows.number_cells import with_missing
from inference.rows.row_types import Array, Rows
from inference.rows.schema import Column, Schema
from inference.rows.typed_rows import INTEGER_OR_MISSING, TypedRows, storage

#: The bytes of numbers. JSON has no other ones in an array of numbers but commas and line ends.
_ALLOWED = b"0123456789+-.eE "


def may_read(schema: Schema) -> bool:
    """Whether rows of numbers in JSON's spelling mean the same to the model."""
    if not schema.only_numbers or schema.kind == "texts":
        return False
    return not any(word and not word.encode().translate(None, _ALLOWED) for word in schema.na)


def read(lines: Sequence[bytes], delimiter: bytes) -> Array | None:
    """Float64, shape (lines, cells); None if a line is, or may be, anything but finite numbers."""
    commas = lines[0].count(delimiter)
    text = delimiter.join(lines)
    if commas >= MAX_ROW_CELLS or text.translate(None, _ALLOWED + delimiter):
        return None
    if any(line.count(delimiter) != commas for line in lines):
        return None
    if delimiter != b",":
        text = text.replace(delimiter, b",")
    try:
        # A new parser: it would keep memory for its longest text.
        document: Any = simdjson.Parser().parse(b"[%b]" % text)
        values = document.as_buffer(of_type="d")
    except (ValueError, TypeError, RuntimeError):
        return None
    array: Array = np.frombuffer(values)
    return (
        array.reshape(len(lines), commas + 1) if array.size == len(lines) * (commas + 1) else None
    )


def coerce(values: Array, order: list[int] | None, schema: Schema, *, first: int) -> Rows | None:
    """Rows in the model's types; None if some may not fit. `order`: as in csv_header.Header."""
    chosen = values if order is None else np.ascontiguousarray(values[:, order])
    if schema.features not in (None, chosen.shape[1]):
        return None
    if schema.columns is None:
        plain = numeric.coerce_plain(chosen, schema)
        if plain is None and np.dtype(schema.dtype).kind == "f":
            return numeric.coerce_array(chosen, schema, first=first)
        return plain
    columns = [_column(chosen[:, at], column) for at, column in enumerate(schema.columns)]
    typed = TypedRows(column for column in columns if column is not None)
    return Rows(typed, np.arange(len(values))) if len(typed.columns) == len(columns) else None


def _column(numbers: Array, column: Column) -> Array | None:
    if column.type == "number":
        return numbers.copy()
    integers = numbers.astype(np.int64) if _all_exact(numbers) else None
    if integers is None or (integers != numbers).any():
        return None
    limits = _limits(column)
    if integers.min() < limits.min or integers.max() > limits.max:
        return None
    if storage(column) == INTEGER_OR_MISSING:
        return with_missing(integers, np.zeros(len(integers), bool))
    return integers.astype(storage(column))


def _all_exact(numbers: Array) -> bool:
    return bool(np.abs(numbers).max() < numeric.EXACT_INTEGER)


def _limits(column: Column) -> np.iinfo:
    name = column.pandas_dtype.lower()
    return np.iinfo(name if name.lstrip("u").startswith("int") else "int64")
