"""Rows as a question: each row is answered as if it had come alone."""

from __future__ import annotations

from collections.abc import Buffer, Sequence
from typing import Self

import numpy as np

from inference.rows import typed_rows
from inference.rows.row_types import Array, Values
from inference.rows.typed_rows import TypedRows
from inference.scripts.question import RowQuestion

#: Stands in keys where a NumPy dtype stands for numbers.
CELLS = "cells"


class ArrayRows(RowQuestion):
    """`values`: numbers, shape (rows, features), C-contiguous."""

    __slots__ = ("dtype", "row_shape", "values")

    def __init__(self, values: Array) -> None:
        self.values = values
        self.dtype = values.dtype.str
        self.row_shape = values.shape[1:]

    def __len__(self) -> int:
        return len(self.values)

    def row_bytes(self) -> Sequence[Buffer]:
        whole = self.values.data.cast("B")
        size = len(whole) // len(self.values)
        return [whole[start : start + size] for start in range(0, len(whole), size)]

    def take(self, rows: Sequence[int]) -> Self:
        return type(self)(self.values[rows])

    def join(self, others: Sequence[Self]) -> Self:
        return type(self)(np.concatenate([self.values, *(other.values for other in others)]))


class MixedRows(RowQuestion):
    """`values`: rows of typed columns."""

    __slots__ = ("row_shape", "values")

    dtype = CELLS

    def __init__(self, values: TypedRows) -> None:
        self.values = values
        self.row_shape = values.shape[1:]

    def __len__(self) -> int:
        return len(self.values)

    def row_bytes(self) -> Sequence[Buffer]:
        return self.values.row_bytes()

    def take(self, rows: Sequence[int]) -> Self:
        return type(self)(self.values[rows])

    def join(self, others: Sequence[Self]) -> Self:
        values = (self.values, *(other.values for other in others))
        return type(self)(typed_rows.concatenate(values))


def row_question(values: Values) -> ArrayRows | MixedRows:
    return MixedRows(values) if isinstance(values, TypedRows) else ArrayRows(values)
