"""The rows of a whole body, joined from its parts.

Each part is converted to the model's types by itself, so the Python objects that a parser makes of
its cells exist for one part at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from inference.errors import CallerError
from inference.rows import coercion
from inference.rows.row_types import Array, Row, Rows, whole_rows
from inference.rows.schema import Schema
from inference.rows.turns import in_turns
from inference.rows.typed_rows import TypedRows, TypedRowsBuilder, concatenate


class Part(Protocol):
    """Consecutive rows of a body, at least one."""

    def coerce(self, schema: Schema, *, first: int) -> Rows:
        """Convert to the model's types. Raises CallerError. `first`: the first row's number."""
        ...


class CellsPart:
    """Rows of JSON's or CSV's values."""

    def __init__(self, rows: Sequence[Row], *, text: bool) -> None:
        self._rows, self._text = rows, text

    def coerce(self, schema: Schema, *, first: int) -> Rows:
        return coercion.coerce_rows(self._rows, schema, text=self._text, first=first)


def gather(parts: Iterable[Part], schema: Schema) -> Rows:
    """All rows. With several parts, raises the CallerError of the first row that does not fit."""
    if schema.kind != "array":
        return _gather_typed(parts, schema)
    coerced: list[Rows] = []
    count = 0
    for part in in_turns(parts):
        if coerced:
            coerced[-1].require_valid()
        coerced.append(part.coerce(schema, first=count))
        schema = pin_width(schema, coerced[-1])
        count += len(coerced[-1].kept)
    if not coerced:
        return coercion.coerce_rows([], schema, text=False)
    if len(coerced) == 1:
        return coerced[0]
    return Rows(stack([rows.numbers() for rows in coerced]), np.arange(count))


def _gather_typed(parts: Iterable[Part], schema: Schema) -> Rows:
    builder = TypedRowsBuilder()
    last: Rows | None = None
    for part in in_turns(parts):
        if last is not None:
            builder.append(last.typed())
        last = part.coerce(schema, first=len(builder))
    if last is None:
        return coercion.coerce_rows([], schema, text=False)
    if not len(builder):  # a single part keeps its errors
        return last
    builder.append(last.typed())
    return whole_rows(builder.rows())


def join(pieces: Sequence[Rows]) -> Rows:
    """Consecutive rows as one."""
    kept: list[Array] = []
    errors: dict[int, CallerError] = {}
    first = 0
    for piece in pieces:
        kept.append(piece.kept + first)
        errors |= {first + index: error for index, error in piece.errors.items()}
        first += len(piece.kept) + len(piece.errors)
    parts: list[Any] = [piece.values for piece in pieces]
    whole = concatenate if isinstance(parts[0], TypedRows) else np.concatenate
    return Rows(whole(parts), np.concatenate(kept), errors)


def pin_width(schema: Schema, rows: Rows) -> Schema:
    """The schema with the width of the first rows, if it has no width of its own."""
    if schema.features is not None or not len(rows.values):
        return schema
    return replace(schema, features=rows.values.shape[1])


def stack(arrays: list[Array], dtype: np.dtype[Any] | None = None) -> Array:
    """Concatenate arrays. Frees each one after its copy, and leaves the list empty."""
    count = sum(map(len, arrays))
    whole: Array = np.empty((count, *arrays[0].shape[1:]), dtype or arrays[0].dtype)
    arrays.reverse()
    at = 0
    while arrays:  # one by one: a copy of objects holds the interpreter lock
        part = arrays.pop()
        whole[at : at + len(part)] = part
        at += len(part)
    return whole
