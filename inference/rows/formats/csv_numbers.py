"""CSV lines that are nothing but numbers, read without making an object of each cell.

The text becomes one JSON array, which simdjson reads. It accepts less than
inference.rows.number_cells: anything else, and anything wrong, is read there, cell by cell.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import simdjson

from inference.limits import MAX_ROW_CELLS
from inference.rows import numeric
from inference.rows.known_values import are_known
from inference.rows.number_cells import integer_range, with_missing
from inference.rows.row_types import Array, Rows, whole_rows
from inference.rows.schema import Column, Schema, once_per_schema
from inference.rows.typed_rows import INTEGER_OR_MISSING, TypedRows, storage

#: A parser takes about 16 times the bytes of its text.
KEPT_BYTES = 1024 * 1024

#: The bytes of numbers. JSON has no other ones in an array of numbers but commas and line ends.
_ALLOWED = b"0123456789+-.eE "


@once_per_schema
def may_read(schema: Schema) -> bool:
    """Whether rows of numbers in JSON's spelling mean the same to the model."""
    if not schema.only_numbers or schema.kind == "texts":
        return False
    return not any(word and not word.encode().translate(None, _ALLOWED) for word in schema.na)


def read(
    lines: Sequence[bytes], delimiter: bytes, parser: simdjson.Parser | None = None
) -> Array | None:
    """Float64, shape (lines, cells); None if a line is, or may be, anything but finite numbers.

    `parser`: keeps memory for its longest text. It is not used for one beyond KEPT_BYTES.
    """
    commas = lines[0].count(delimiter)
    text = delimiter.join(lines)
    if commas >= MAX_ROW_CELLS or text.translate(None, _ALLOWED + delimiter):
        return None
    if any(line.count(delimiter) != commas for line in lines):
        return None
    if delimiter != b",":
        text = text.replace(delimiter, b",")
    array = _parsed(b"[%b]" % text, parser)
    if array is None or array.size != len(lines) * (commas + 1):
        return None
    return array.reshape(len(lines), commas + 1)


def _parsed(text: bytes, parser: simdjson.Parser | None) -> Array | None:
    """The numbers of a JSON array; None if it has others, or one that would lose its sign."""
    if parser is None or len(text) > KEPT_BYTES:
        parser = simdjson.Parser()
    try:
        document: Any = parser.parse(text)
        array: Array = np.frombuffer(document.as_buffer(of_type="d"))
    except (ValueError, TypeError, RuntimeError):
        return None
    return None if not array.all() and _has_integer_minus_zero(text) else array


def _has_integer_minus_zero(text: bytes) -> bool:
    """Whether a JSON text of numbers has -0, an integer there: it becomes 0."""
    if b"-" not in text:  # to find "-0" takes 100 times as long
        return False
    view = np.frombuffer(text, np.uint8)
    minus = np.flatnonzero(view == ord("-"))
    return bool(((view[minus + 1] == ord("0")) & (view[minus + 2] != ord("."))).any())


def coerce(values: Array, order: list[int] | None, schema: Schema) -> Rows | None:
    """Rows in the model's types; None if some may not fit. `order`: as in csv_header.Header."""
    chosen = values if order is None else np.ascontiguousarray(values[:, order])
    if schema.features not in (None, chosen.shape[1]):
        return None
    if schema.columns is None:
        plain = numeric.coerce_plain(chosen, schema)
        if plain is None and np.dtype(schema.dtype).kind == "f":
            plain = numeric.coerce_array(chosen, schema)
        return None if plain is None or plain.errors else plain
    typed = _typed(chosen, schema.columns)
    if typed is None or not are_known(typed.columns, schema):
        return None
    return whole_rows(typed)


def _typed(values: Array, columns: tuple[Column, ...]) -> TypedRows | None:
    whole, least, most = _integer_limits(columns)
    chosen = values if whole.all() else values[:, whole]
    if chosen.size:
        if not np.abs(chosen).max() < numeric.EXACT_INTEGER:
            return None
        integers = chosen.astype(np.int64)
        low, high = integers.min(axis=0), integers.max(axis=0)
        if (integers != chosen).any() or (low < least).any() or (high > most).any():
            return None
        # A row of it for each column of integers.
        rest = iter(np.ascontiguousarray(integers.T))
    return TypedRows(
        _stored(next(rest), column) if column.type == "integer" else values[:, at].copy()
        for at, column in enumerate(columns)
    )


def _stored(integers: Array, column: Column) -> Array:
    dtype = storage(column)
    if dtype == INTEGER_OR_MISSING:
        return with_missing(integers, np.zeros(len(integers), bool))
    return integers.astype(dtype, copy=False)


@lru_cache(maxsize=64)
def _integer_limits(columns: tuple[Column, ...]) -> tuple[Array, Array, Array]:
    """Which columns are of integers, and the least and the most that each of these takes."""
    ranges = [integer_range(column) for column in columns if column.type == "integer"]
    exact = numeric.EXACT_INTEGER
    least = np.array([max(each.start, -exact) for each in ranges], np.int64)
    most = np.array([min(each.stop - 1, exact) for each in ranges], np.int64)
    return np.array([column.type == "integer" for column in columns], bool), least, most
