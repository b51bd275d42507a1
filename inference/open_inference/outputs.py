"""Predictions, kept as a JSON list with one item a row, as the one tensor that they are."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from inference.errors import UnacceptableAnswer
from inference.open_inference.tensors import BOOL, BYTES, Tensor
from inference.rows import Array

_INT64 = range(-(2**63), 2**63)
_UINT64 = range(2**64)


def tensor(name: str, predictions: list[Any]) -> Tensor:
    """Shape (rows, …), and the narrowest of BOOL, INT64, UINT64, FP64 and BYTES that holds all.

    A number that JSON could not say is NaN. Raises UnacceptableAnswer where items differ in length
    or kind.
    """
    shape, flat = _flat(predictions)
    datatype, values = _typed(flat)
    return Tensor(name, datatype, values.reshape(shape))


def _flat(items: list[Any]) -> tuple[list[int], list[Any]]:
    shape = [len(items)]
    while items and all(type(item) is list for item in items):
        width = len(items[0])
        if any(len(item) != width for item in items):
            raise _no_tensor("rows of different lengths")
        shape.append(width)
        items = list(itertools.chain.from_iterable(items))
    return shape, items


def _typed(flat: list[Any]) -> tuple[str, Array]:
    kinds = set(map(type, flat))
    if kinds == {bool}:
        return BOOL, np.array(flat, np.bool_)
    if kinds == {str}:
        return BYTES, np.array(flat, object)
    if kinds == {int} and min(flat) in _INT64 and max(flat) in _INT64:
        return "INT64", np.array(flat, np.int64)
    if kinds == {int} and min(flat) in _UINT64:
        return "UINT64", np.array(flat, np.uint64)
    if kinds <= {int, float, type(None)}:
        return "FP64", np.array(flat, np.float64)
    raise _no_tensor("items of different kinds")


def _no_tensor(got: str) -> UnacceptableAnswer:
    return UnacceptableAnswer(
        got=f"one tensor, the predictions being {got}", supported=("JSON, from `score`",)
    )
