"""The rows of a whole body, joined from its parts.

Each part is converted to the model's types by itself, so the Python objects that a parser makes of
its cells exist for one part at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from inference.limits import rows_per_part
from inference.rows import coercion, numeric
from inference.rows.row_types import Array, Row, Rows
from inference.rows.schema import Schema
from inference.rows.typed_rows import TypedRowsBuilder


class Part(Protocol):
    """Consecutive rows of a body, at least one."""

    def coerce(self, schema: Schema, *, first: int) -> Rows:
        """Convert to the model's types. Raises CallerError. `first`: the first row's number."""
        ...

    def to_integers(self, dtype: type) -> Array:
        """See inference.rows.numeric.to_integers."""
        ...


class CellsPart:
    """Rows of JSON's or CSV's values."""

    def __init__(self, rows: Sequence[Row], *, text: bool) -> None:
        self._rows, self._text = rows, text

    def coerce(self, schema: Schema, *, first: int) -> Rows:
        return coercion.coerce_rows(self._rows, schema, text=self._text, first=first)

    def to_integers(self, dtype: type) -> Array:
        return numeric.to_integers(self._rows, dtype, text=self._text)


class NumbersPart:
    """Rows of an array of numbers."""

    def __init__(self, array: Array) -> None:
        self._array = array

    def coerce(self, schema: Schema, *, first: int) -> Rows:
        return coercion.coerce_array(self._array, schema, first=first)

    def to_integers(self, dtype: type) -> Array:
        return numeric.array_to_integers(self._array, dtype)


def number_parts(array: Array, schema: Schema) -> Iterator[Part]:
    """An array's rows: all at once, or in parts if they become typed columns."""
    rows = len(array)
    if schema.kind != "array" and array.ndim == 2:
        rows = rows_per_part(array.shape[1])
    for start in range(0, len(array), rows):
        yield NumbersPart(array[start : start + rows])


def gather(parts: Callable[[], Iterable[Part]], schema: Schema) -> Rows:
    """All rows. With several parts, raises the CallerError of the first row that does not fit.

    `parts` may be called a second time.
    """
    if schema.kind != "array":
        return _gather_typed(parts(), schema)
    coerced: list[Rows] = []
    count = 0
    for part in parts():
        if coerced:
            coerced[-1].require_valid()
        coerced.append(part.coerce(schema, first=count))
        schema = pin_width(schema, coerced[-1])
        count += len(coerced[-1].kept)
    if len(coerced) == 1:
        return coerced[0]
    return Rows(_join([rows.numbers() for rows in coerced], parts), np.arange(count))


def _gather_typed(parts: Iterable[Part], schema: Schema) -> Rows:
    last = coercion.coerce_rows([], schema, text=False)
    builder = TypedRowsBuilder()
    for part in parts:
        builder.append(last.typed())
        last = part.coerce(schema, first=len(builder))
    if not len(builder):  # a single part keeps its errors
        return last
    builder.append(last.typed())
    return Rows(builder.rows(), np.arange(len(builder)))


def pin_width(schema: Schema, rows: Rows) -> Schema:
    """The schema with the width of the first rows, if it has no width of its own."""
    if schema.features is not None or not len(rows.values):
        return schema
    return replace(schema, features=rows.values.shape[1])


def stack(arrays: list[Array], dtype: np.dtype[Any]) -> Array:
    """Concatenate arrays. Frees each one after its copy, and leaves the list empty."""
    count = sum(map(len, arrays))
    whole: Array = np.empty((count, *arrays[0].shape[1:]), dtype)
    arrays.reverse()
    at = 0
    while arrays:  # one by one: a copy of objects holds the interpreter lock
        part = arrays.pop()
        whole[at : at + len(part)] = part
        at += len(part)
    return whole


def _join(arrays: list[Array], parts: Callable[[], Iterable[Part]]) -> Array:
    """Long integers keep their digits if all parts hold integers; all are floats otherwise."""
    dtypes = {array.dtype for array in arrays}
    if len(dtypes) == 1:
        return stack(arrays, *dtypes)
    for dtype in (np.int64, np.uint64):
        try:
            return stack([part.to_integers(dtype) for part in parts()], np.dtype(dtype))
        except (ValueError, TypeError, OverflowError):
            continue
    return stack(arrays, np.dtype(np.float64))
