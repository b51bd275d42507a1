"""What an estimator is called with: an array, a DataFrame, or texts."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import numpy as np

from inference.errors import ModelUnavailable
from inference.rows import typed_rows
from inference.rows.row_types import Array
from inference.rows.schema import Schema
from inference.rows.typed_rows import MISSING_BOOLEAN, TypedRows


def input_function(schema: Schema) -> Callable[[Any], Any]:
    """The function that converts rows to the estimator's input: an array of numbers is unchanged,
    typed rows become a DataFrame or texts. Raises ModelUnavailable.

    Only a model trained on a DataFrame needs pandas, and only for it pandas is imported.
    """
    if schema.kind == "array":
        return lambda values: values
    if schema.kind == "texts":
        return lambda rows: column_values(rows.columns[0])
    try:
        import pandas as pd  # noqa: PLC0415 - see above
    except ModuleNotFoundError as error:
        raise ModelUnavailable(
            "the model takes a DataFrame, and pandas is not installed: add it to requirements.txt"
        ) from error
    names = schema.names or ()

    def frame(rows: TypedRows) -> Any:
        columns = map(column_values, rows.columns)
        return pd.DataFrame(dict(zip(names, columns, strict=True)))

    return frame


def column_values(column: Array) -> Array:
    """A typed column as pandas reads such a column from a file."""
    if typed_rows.is_text(column):
        return column.astype(object)
    if typed_rows.is_boolean(column):
        if (column == MISSING_BOOLEAN).any():
            return typed_rows.boolean_objects(column)
        return column.astype(np.bool_)
    return column if column.dtype == np.float64 else _long_numbers(column)


def _long_numbers(column: Array) -> Array:
    """Integers if all cells are integers and one has more digits than a float; floats otherwise.

    Only these rows decide: they may be some of the rows of a longer column.
    """
    cells = typed_rows.cells(column)
    values: Array = np.array(cells, np.float64)
    if any(isinstance(cell, int) for cell in cells) and (values % 1 == 0).all():
        for dtype in (np.int64, np.uint64):
            with contextlib.suppress(OverflowError):
                return np.array([int(cell) for cell in cells], dtype=dtype)
    return values
