"""Rows of an array as a question, each answered as if it had come alone."""

from __future__ import annotations

from collections.abc import Buffer, Sequence
from typing import Self

import numpy as np

from inference.rows import typed_cells
from inference.rows.row_types import Array
from inference.scripts.question import RowQuestion

#: Stands in keys where a NumPy dtype stands for numbers.
CELLS = "cells"


class ArrayRows(RowQuestion):
    """`values`: shape (rows, features), C-contiguous: numbers, or the objects of
    inference.rows.typed_cells.
    """

    __slots__ = ("dtype", "row_shape", "values")

    def __init__(self, values: Array) -> None:
        self.values = values
        self.dtype = CELLS if values.dtype.hasobject else values.dtype.str
        self.row_shape = values.shape[1:]

    def __len__(self) -> int:
        return len(self.values)

    def row_bytes(self) -> Sequence[Buffer]:
        if self.dtype == CELLS:
            return typed_cells.row_bytes(self.values)
        whole = self.values.data.cast("B")
        size = len(whole) // len(self.values)
        return [whole[start : start + size] for start in range(0, len(whole), size)]

    def take(self, rows: Sequence[int]) -> Self:
        return type(self)(self.values[rows])

    def join(self, others: Sequence[Self]) -> Self:
        return type(self)(np.concatenate([self.values, *(other.values for other in others)]))
