"""The values of a column that the model knows, where its encoder refuses any other one."""

from __future__ import annotations

import numpy as np

from inference.rows.row_types import Array
from inference.rows.schema import Column
from inference.rows.typed_rows import INTEGER_OR_MISSING, missing


def unknown(column: Array, feature: Column) -> Array:
    """The positions of the cells with a value that the model does not know. A missing cell has
    none.
    """
    if feature.known is None:
        return np.empty(0, int)
    if feature.type == "text":
        known = frozenset(feature.known)
        cells = enumerate(column.tolist())
        return np.array([at for at, cell in cells if cell == cell and cell not in known], int)  # noqa: PLR0124 - NaN
    values = column["value"] if column.dtype == INTEGER_OR_MISSING else column
    return np.flatnonzero(~np.isin(values, feature.known) & ~missing(column))


def are_known(columns: tuple[Array, ...], features: tuple[Column, ...]) -> bool:
    """Whether the model knows all cells."""
    return not any(len(unknown(*pair)) for pair in zip(columns, features, strict=True))
