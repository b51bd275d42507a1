"""Cells as tensors of an ONNX graph, and its outputs as answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from inference.errors import UnfitInput
from inference.rows import typed_rows
from inference.rows.row_types import Array, Values
from inference.rows.schema import ColumnType
from inference.rows.typed_rows import TypedRows

#: The column type and NumPy's type of a tensor's cells, by the tensor's type.
TYPES: dict[str, tuple[ColumnType, npt.DTypeLike]] = {
    "tensor(double)": ("number", np.float64),
    "tensor(float)": ("number", np.float32),
    "tensor(int64)": ("integer", np.int64),
    "tensor(int32)": ("integer", np.int32),
    "tensor(bool)": ("boolean", np.bool_),
    "tensor(string)": ("text", np.object_),
}


def column_type(tensor: Any) -> ColumnType:
    return TYPES[tensor.type][0]


def cells_of(values: Values, column: int | None) -> Array:
    """The cells of one column, or of all where it is None; shape (rows, columns)."""
    if not isinstance(values, TypedRows):
        return values if column is None else values[:, column : column + 1]
    columns = values.columns if column is None else values.columns[column : column + 1]
    arrays = [_values(each) for each in columns]
    if len({array.dtype for array in arrays}) > 1:  # long integers keep their digits as objects
        arrays = [array.astype(object) for array in arrays]
    return np.column_stack(arrays)


def _values(column: Array) -> Array:
    """A typed column as numbers, booleans or objects. A missing boolean is MISSING_CODE, which an
    encoder in a graph knows no more than scikit-learn's knows a gap.
    """
    if column.dtype == typed_rows.INTEGER_OR_MISSING:
        return np.where(column["missing"], np.nan, column["value"])
    if typed_rows.is_text(column):
        return column.astype(object)
    if column.dtype == np.int8:
        gone = typed_rows.missing(column).any()
        return column.astype(np.int64 if gone else np.bool_)
    return column


def encode(cells: Array, tensor: Any) -> Array:
    """Cells, shape (rows, columns), as an input takes them. Raises UnfitInput.

    A missing text becomes the empty text.
    """
    kind, dtype = TYPES[tensor.type]
    if kind == "text":
        encoded = np.where(cells != cells, "", cells)  # noqa: PLR0124 - finds NaN among objects too
    else:
        encoded = _numbers(cells, np.dtype(dtype))
    return np.ascontiguousarray(encoded[:, 0] if len(tensor.shape) == 1 else encoded)


def decode(output: Any, *, flat: bool) -> Any:
    """Probabilities as an array, shape (rows, classes). `flat`: one column becomes its items."""
    if isinstance(output, list) and output and isinstance(output[0], dict):
        return np.array([list(row.values()) for row in output])
    if flat and getattr(output, "ndim", 0) == 2 and output.shape[1] == 1:
        return output[:, 0]
    return output


def _numbers(cells: Array, dtype: np.dtype[Any]) -> Array:
    if cells.dtype == dtype:
        return cells
    unfit = UnfitInput(
        field="data", expected=f"numbers that fit into {dtype}", got="one that does not"
    )
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            converted = cells.astype(dtype)
    except (ValueError, OverflowError) as error:  # NaN as an integer
        raise unfit from error
    # Infinity is refused too, as scikit-learn's trees refuse numbers beyond float32.
    lost = np.isinf(converted) if dtype.kind == "f" else converted != cells
    if lost.any():
        raise unfit
    return converted
