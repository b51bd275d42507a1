"""Input tensors as rows in the model's types.

Accepts one tensor of shape [rows, features] and any name, or one of shape [rows] or [rows, 1] per
column. Columns are matched by name if the schema has names, otherwise by position. Other tensors
are left out.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from inference.errors import UnfitInput
from inference.limits import rows_per_part
from inference.open_inference.tensors import Tensor
from inference.rows import coercion
from inference.rows.formats.gathering import CellsPart, gather
from inference.rows.row_types import Array, Rows, short_repr
from inference.rows.schema import Schema


def coerce(inputs: Sequence[Tensor], schema: Schema) -> Rows:
    """The rows of all tensors. Raises UnfitInput; a row that does not fit is an error in Rows."""
    blocks = _blocks(inputs, schema)
    if len({len(block) for block in blocks}) != 1:
        raise UnfitInput(
            field="inputs",
            expected="tensors of as many rows each",
            got=", ".join(str(len(block)) for block in blocks[:10]),
        )
    if schema.kind == "array" and not any(block.dtype.hasobject for block in blocks):
        with np.errstate(invalid="ignore"):  # a signalling NaN is a NaN
            return coercion.coerce_array(np.concatenate(blocks, axis=1), schema)
    return gather(_parts(blocks), schema)


def _parts(blocks: Sequence[Array]) -> Iterator[CellsPart]:
    """The rows across all blocks, in parts."""
    rows = rows_per_part(sum(block.shape[1] for block in blocks))
    for start in range(0, len(blocks[0]), rows):
        beside = zip(*(block[start : start + rows].tolist() for block in blocks), strict=True)
        yield CellsPart([list(itertools.chain.from_iterable(row)) for row in beside], text=False)


def _blocks(inputs: Sequence[Tensor], schema: Schema) -> list[Array]:
    """The model's columns in its order, as arrays of two dimensions."""
    mixed = schema.kind == "frame" and not schema.only_numbers
    if len(inputs) == 1 and not mixed:
        values = inputs[0].values
        return [values if values.ndim == 2 else values.reshape(-1, 1)]
    order = schema.order([each.name for each in inputs])
    return [_column(each) for each in (inputs if order is None else [inputs[i] for i in order])]


def _column(tensor: Tensor) -> Array:
    if tensor.shape[1:] not in ([], [1]):
        raise UnfitInput(
            field=f"input {short_repr(tensor.name)}, shape",
            expected="[rows] or [rows, 1], as there is a tensor for each column",
            got=str(tensor.shape),
        )
    return tensor.values.reshape(-1, 1)
