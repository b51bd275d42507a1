"""Cells and arrays of a body, converted to the types of the model's schema."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from inference.rows import numeric, typed_cells, typed_rows
from inference.rows.row_types import Array, Row, Rows
from inference.rows.schema import Schema
from inference.rows.typed_rows import TypedRows


def coerce_rows(rows: Sequence[Row], schema: Schema, *, text: bool, first: int = 0) -> Rows:
    """Convert rows of JSON or CSV values to the model's types.

    A row that does not fit becomes an error in Rows. `text`: every cell is a text, as in CSV.
    `first`: the number of the first row in error messages.
    """
    if schema.kind == "array":
        return numeric.coerce_rows(rows, schema, text=text, first=first)
    return typed_cells.coerce_rows(rows, schema, text=text, first=first)


def json_cells(rows: TypedRows, schema: Schema) -> list[list[Any]]:
    """Each row's cells as JSON has them; None is missing. coerce_rows reads them again."""
    columns = []
    for feature, column in zip(schema.columns or (), rows.columns, strict=True):
        found = [None if cell != cell else cell for cell in typed_rows.cells(column)]  # noqa: PLR0124
        if feature.categories is not None:
            found = [None if code is None else feature.categories[code] for code in found]
        columns.append(found)
    return [list(row) for row in zip(*columns, strict=True)]


def coerce_array(array: Array, schema: Schema, *, first: int = 0) -> Rows:
    """Convert an array of numbers, shape (rows, features). Raises UnfitInput for another shape."""
    if schema.kind == "array":
        return numeric.coerce_array(array, schema, first=first)
    return typed_cells.coerce_array(array, schema, first=first)
