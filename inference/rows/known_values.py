"""The values of a column that the model knows, where its encoder refuses any other one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from inference.rows.row_types import Array
from inference.rows.schema import Schema, once_per_schema
from inference.rows.typed_rows import INTEGER_OR_MISSING, missing


class KnownValues:
    """Those of one column, all texts or all integers. There may be many, so they are made once."""

    def __init__(self, values: Sequence[Any], *, texts: bool) -> None:
        self._values = frozenset(values)
        self._array = None if texts else np.array(values)

    def __contains__(self, value: object) -> bool:
        return value in self._values

    def unknown(self, column: Array) -> Array:
        """The positions of the cells with another value. A missing cell has none."""
        if self._array is None:
            cells = enumerate(column.tolist())
            return np.array([at for at, cell in cells if cell == cell and cell not in self], int)  # noqa: PLR0124 - NaN
        values = column["value"] if column.dtype == INTEGER_OR_MISSING else column
        return np.flatnonzero(~np.isin(values, self._array) & ~missing(column))


@once_per_schema
def known_values(schema: Schema) -> list[KnownValues | None]:
    """One per column; None for one in which the model takes any value."""
    return [
        None if column.known is None else KnownValues(column.known, texts=column.type == "text")
        for column in schema.columns or ()
    ]


def are_known(columns: Sequence[Array], schema: Schema) -> bool:
    """Whether the model knows all cells."""
    pairs = zip(columns, known_values(schema), strict=True)
    return not any(known is not None and len(known.unknown(column)) for column, known in pairs)
