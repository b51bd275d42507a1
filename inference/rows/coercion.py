"""From what a body holds to what the model takes, whichever kind of rows that is."""

from __future__ import annotations

from collections.abc import Sequence

from inference.rows import numeric, typed_cells
from inference.rows.row_types import Array, Row, Rows
from inference.rows.schema import Schema
from inference.rows.typed_rows import TypedRows


def coerce_rows(rows: Sequence[Row], schema: Schema, *, text: bool, first: int = 0) -> Rows:
    """Bring rows of JSON's or CSV's values into the model's types.

    `text`: every cell is a text, as in CSV. `first`: what errors call the first row.
    """
    if schema.kind == "array":
        return numeric.coerce_rows(rows, schema, text=text, first=first)
    return typed_cells.coerce_rows(rows, schema, text=text, first=first)


def coerce_objects(cells: Array, schema: Schema) -> TypedRows:
    """Cells as TypedRows.objects has them, of which any may be missing. Raises UnfitInput."""
    rows = [[None if cell != cell else cell for cell in row] for row in cells.tolist()]  # noqa: PLR0124
    schema = schema.with_missing(True)
    return typed_cells.coerce_rows(rows, schema, text=False).typed()


def coerce_array(array: Array, schema: Schema, *, first: int = 0) -> Rows:
    """Check an array of numbers against what the model takes. Raises UnfitInput."""
    if schema.kind == "array":
        return numeric.coerce_array(array, schema, first=first)
    return typed_cells.coerce_array(array, schema, first=first)
