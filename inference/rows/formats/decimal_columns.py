"""Arrow's decimals, which DuckDB and Spark write, as numbers."""

from __future__ import annotations

import pyarrow as pa
from pyarrow import types

#: Cells that are texts at the same time.
_PART_ROWS = 16 * 1024


def as_numbers(column: pa.Array) -> pa.Array:
    """A column of decimals as int64 if it holds whole numbers only; else as float64. Any other
    column is unchanged.
    """
    if not types.is_decimal(column.type):
        return column
    try:
        return column.cast(pa.int64())
    except pa.ArrowInvalid:  # a fraction, or too large
        starts = range(0, len(column), _PART_ROWS)
        return pa.concat_arrays([_floats(column.slice(at, _PART_ROWS)) for at in starts])


def _floats(column: pa.Array) -> pa.Array:
    """The nearest floats. Arrow's own cast of a decimal misses them by a digit."""
    return column.cast(pa.string()).cast(pa.float64())
