"""The rows of a whole body, put together from its parts.

Each part is brought into the model's types by itself: what a format makes of its cells on the way
is never there for more than one part.
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
        """Raises CallerError. `first`: what errors call the first row."""
        ...

    def whole(self, dtype: type) -> Array:
        """The same as integers of a type. Raises where they are none, or too big for it."""
        ...


class CellsPart:
    """Rows of JSON's or CSV's values."""

    def __init__(self, rows: Sequence[Row], *, text: bool) -> None:
        self._rows, self._text = rows, text

    def coerce(self, schema: Schema, *, first: int) -> Rows:
        return coercion.coerce_rows(self._rows, schema, text=self._text, first=first)

    def whole(self, dtype: type) -> Array:
        return numeric.whole(self._rows, dtype, text=self._text)


class NumbersPart:
    """Rows of an array of numbers."""

    def __init__(self, array: Array) -> None:
        self._array = array

    def coerce(self, schema: Schema, *, first: int) -> Rows:
        return coercion.coerce_array(self._array, schema, first=first)

    def whole(self, dtype: type) -> Array:
        return numeric.whole_array(self._array, dtype)


def numbers(array: Array, schema: Schema) -> Iterator[Part]:
    """The rows of an array: all at once, or as many at a time as cells of their own may be."""
    rows = len(array)
    if schema.kind != "array" and array.ndim == 2:
        rows = rows_per_part(array.shape[1])
    for start in range(0, len(array), rows):
        yield NumbersPart(array[start : start + rows])


def gather(parts: Callable[[], Iterable[Part]], schema: Schema) -> Rows:
    """All rows. Raises CallerError; where there are several parts, for the first row that is unfit.

    `parts` may be asked for a second time.
    """
    if schema.kind != "array":
        return _gather_typed(parts(), schema)
    coerced: list[Rows] = []
    count = 0
    for part in parts():
        if coerced:
            coerced[-1].require_valid()
        coerced.append(part.coerce(schema, first=count))
        schema = pinned(schema, coerced[-1])
        count += len(coerced[-1].kept)
    if len(coerced) == 1:
        return coerced[0]
    return Rows(_together([rows.numbers() for rows in coerced], parts), np.arange(count))


def _gather_typed(parts: Iterable[Part], schema: Schema) -> Rows:
    first: Rows | None = None
    builder: TypedRowsBuilder | None = None
    count = 0
    for part in parts:
        if first is not None and builder is None:
            builder = TypedRowsBuilder()
            builder.append(first.typed())
        rows = part.coerce(schema, first=count)
        count += len(rows.kept)
        if builder is None:
            first = rows
        else:
            builder.append(rows.typed())
    if builder is None:
        return first or coercion.coerce_rows([], schema, text=False)
    return Rows(builder.rows(), np.arange(count))


def pinned(schema: Schema, rows: Rows) -> Schema:
    """With the width of rows that were read, where the model does not tell its own."""
    if schema.features is not None or not len(rows.values):
        return schema
    return replace(schema, features=rows.values.shape[1])


def stacked(arrays: list[Array], dtype: np.dtype[Any]) -> Array:
    """One array of several, which are let go of one by one; the list is empty afterwards."""
    count = sum(map(len, arrays))
    whole: Array = np.empty((count, *arrays[0].shape[1:]), dtype)
    arrays.reverse()
    at = 0
    while arrays:  # piece by piece: copies of objects keep the interpreter to themselves
        part = arrays.pop()
        whole[at : at + len(part)] = part
        at += len(part)
    return whole


def _together(arrays: list[Array], parts: Callable[[], Iterable[Part]]) -> Array:
    """Integers beyond a float's digits in some parts are kept where all parts hold integers."""
    dtypes = {array.dtype for array in arrays}
    if len(dtypes) == 1:
        return stacked(arrays, *dtypes)
    for dtype in (np.int64, np.uint64):
        try:
            return stacked([part.whole(dtype) for part in parts()], np.dtype(dtype))
        except (ValueError, TypeError, OverflowError):
            continue
    return stacked(arrays, np.dtype(np.float64))
