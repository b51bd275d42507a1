"""What an estimator is called with: an array, a DataFrame, or texts."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import numpy as np

from inference.errors import ModelUnavailable
from inference.rows.row_types import EXACT_INTEGER, Array
from inference.rows.schema import ColumnType, Schema


def maker(schema: Schema) -> Callable[[Array], Any]:
    """Turns rows, shape (rows, features), into the estimator's input. Raises ModelUnavailable.

    Only a model trained on a DataFrame needs pandas, and only for it pandas is imported.
    """
    if schema.kind == "array":
        return lambda values: values
    if schema.kind == "texts":
        return lambda values: values[:, 0]
    try:
        import pandas as pd  # noqa: PLC0415 - see above
    except ModuleNotFoundError as error:
        raise ModelUnavailable(
            "the model takes a DataFrame, and pandas is not installed: add it to requirements.txt"
        ) from error
    columns = list(zip(schema.names or (), schema.types or (), strict=True))

    def frame(values: Array) -> Any:
        return pd.DataFrame(
            {
                name: _column(values[:, position], kind)
                for position, (name, kind) in enumerate(columns)
            }
        )

    return frame


def _column(cells: Array, kind: ColumnType) -> Array:
    """As pandas reads such a column from a file: what is missing turns truths into objects."""
    if kind == "number":
        return _numbers(cells)
    if kind == "boolean" and all(isinstance(cell, bool) for cell in cells):
        return cells.astype(np.bool_)
    return cells


def _numbers(cells: Array) -> Array:
    """Floats; integers where one is too big to be one of those, and no cell is anything else."""
    values = cells.astype(np.float64)
    if not (np.abs(values) >= EXACT_INTEGER).any():
        return values
    if any(isinstance(cell, int) for cell in cells) and (values % 1 == 0).all():
        for dtype in (np.int64, np.uint64):
            with contextlib.suppress(OverflowError):
                return np.array([int(cell) for cell in cells], dtype=dtype)
    return values
