"""Rows as a question: each row is answered as if it had come alone."""

from __future__ import annotations

from collections.abc import Buffer, Sequence
from typing import Self

import numpy as np

from inference.output_choice import PREDICTIONS, Output
from inference.rows import typed_rows
from inference.rows.row_types import Array, Values
from inference.rows.typed_rows import TypedRows
from inference.scripts.question import RowQuestion

#: Stands in keys where a NumPy dtype stands for numbers.
CELLS = "cells"


class ArrayRows(RowQuestion):
    """`values`: numbers, shape (rows, features), C-contiguous."""

    __slots__ = ("dtype", "output", "row_shape", "values")

    def __init__(self, values: Array, output: Output = PREDICTIONS) -> None:
        self.values, self.output = values, output
        self.dtype = _dtype(values.dtype.str, output)
        self.row_shape = values.shape[1:]

    def __len__(self) -> int:
        return len(self.values)

    def row_bytes(self) -> Sequence[Buffer]:
        whole = self.values.data.cast("B")
        size = len(whole) // len(self.values)
        return [whole[start : start + size] for start in range(0, len(whole), size)]

    def take(self, rows: Sequence[int]) -> Self:
        return type(self)(self.values[_as_slice(rows)], self.output)

    def join(self, others: Sequence[Self]) -> Self:
        values = np.concatenate([self.values, *(other.values for other in others)])
        return type(self)(values, self.output)


class MixedRows(RowQuestion):
    """`values`: rows of typed columns."""

    __slots__ = ("dtype", "output", "row_shape", "values")

    def __init__(self, values: TypedRows, output: Output = PREDICTIONS) -> None:
        self.values, self.output = values, output
        self.dtype = _dtype(CELLS, output)
        self.row_shape = values.shape[1:]

    def __len__(self) -> int:
        return len(self.values)

    def row_bytes(self) -> Sequence[Buffer]:
        return self.values.row_bytes()

    def take(self, rows: Sequence[int]) -> Self:
        return type(self)(self.values[_as_slice(rows)], self.output)

    def join(self, others: Sequence[Self]) -> Self:
        values = (self.values, *(other.values for other in others))
        return type(self)(typed_rows.concatenate(values), self.output)


def row_question(values: Values, output: Output = PREDICTIONS) -> ArrayRows | MixedRows:
    if isinstance(values, TypedRows):
        return MixedRows(values, output)
    return ArrayRows(values, output)


def _as_slice(rows: Sequence[int]) -> Sequence[int] | slice:
    """Consecutive rows as a slice, which copies nothing."""
    if isinstance(rows, range) and rows.step == 1:
        return slice(rows.start, rows.stop)
    return rows


def _dtype(dtype: str, output: Output) -> str:
    """A dtype by which rows with other outputs have other keys, and are in other calls."""
    return dtype if output == PREDICTIONS else f"{dtype} {output}"
