"""The cells of a column of Arrow as JSON and CSV have them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
from pyarrow import types

from inference.rows.formats import arrow_columns, column_types


def cell_values(field: pa.Field, column: pa.Array) -> Sequence[object]:
    """Python's values: dates are texts, lists are lists. Raises UnfitInput for bytes."""
    kind = column_types.plain(column.type)
    if types.is_floating(kind) and not types.is_float64(kind):
        return [None if value is None else float(str(value)) for value in _numbers(column, kind)]
    if types.is_nested(kind):
        return column.to_pylist()  # type: ignore[no-any-return]
    if types.is_decimal(kind) or types.is_time(kind) or types.is_duration(kind):
        return column.cast(kind).cast(pa.string()).to_pylist()  # type: ignore[no-any-return]
    return arrow_columns.cells(field.name, column)


def _numbers(column: pa.Array, kind: pa.DataType) -> Iterator[Any]:
    """As NumPy's scalars, which know their shortest text."""
    plain = column.cast(kind)
    gone = plain.is_null().to_pylist()
    values = plain.fill_null(0).to_numpy(zero_copy_only=False)
    return (None if null else value for value, null in zip(values, gone, strict=True))
