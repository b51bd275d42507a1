"""Predictions, a JSON list with one item per row, as one tensor."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from inference.errors import UnacceptableAnswer
from inference.limits import PART_CELLS
from inference.open_inference.tensors import BOOL, BYTES, Tensor
from inference.rows.row_types import Array

_INT64 = range(-(2**63), 2**63)
_UINT64 = range(2**64)
_NUMBERS = {"INT64": np.int64, "UINT64": np.uint64, "FP64": np.float64}


def tensor(name: str, predictions: list[Any]) -> Tensor:
    """Shape (rows, …), the narrowest of BOOL, INT64, UINT64, FP64 and BYTES that holds all items.

    null is NaN. Raises UnacceptableAnswer if items differ in length or kind.
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
    kinds = {kind for part in _parts(flat) for kind in set(map(type, part))}
    if kinds == {bool}:
        return BOOL, _array(flat, np.bool_)
    if kinds == {str}:
        return BYTES, _array(flat, object)
    if not kinds <= {int, float, type(None)}:
        raise _no_tensor("items of different kinds")
    datatype = _integers(flat) if kinds == {int} else "FP64"
    return datatype, _array(flat, _NUMBERS[datatype])


def _integers(flat: list[int]) -> str:
    """The narrowest datatype that holds all of them."""
    low, high = min(flat), max(flat)
    if low in _INT64 and high in _INT64:
        return "INT64"
    return "UINT64" if low in _UINT64 else "FP64"


def _array(flat: list[Any], dtype: type) -> Array:
    whole: Array = np.empty(len(flat), dtype)
    at = 0
    for part in _parts(flat):
        whole[at : at + len(part)] = np.array(part, dtype)
        at += len(part)
    return whole


def _parts(flat: list[Any]) -> Iterator[list[Any]]:
    """A long list's items, some at a time, since each conversion holds the interpreter lock."""
    return (flat[start : start + PART_CELLS] for start in range(0, len(flat), PART_CELLS))


def _no_tensor(got: str) -> UnacceptableAnswer:
    return UnacceptableAnswer(
        got=f"one tensor, the predictions being {got}", supported=("JSON, from `score`",)
    )
