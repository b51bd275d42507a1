"""NumPy's own format. Pickled objects inside are refused."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from inference.errors import MalformedInput, UnacceptableAnswer, UnfitInput
from inference.rows import Array


def decode(body: bytes) -> Array:
    """An array of real numbers, one row a line."""
    try:
        array: Array = np.load(io.BytesIO(body), allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise MalformedInput(f"the body is not a .npy array without objects: {error}") from error
    if array.dtype.kind not in "fiub" or array.dtype.itemsize > 8:
        raise UnfitInput(field="dtype", expected="numbers of at most 64 bits", got=str(array.dtype))
    return array


def encode(values: list[Any]) -> bytes:
    """The predictions as an array, null as NaN."""
    try:
        array = np.array(values)
        if array.dtype.kind == "O":
            array = np.array(values, dtype=np.float64)
    except (ValueError, TypeError) as error:
        raise UnacceptableAnswer(
            got="application/x-npy", supported=("application/json",)
        ) from error
    return dump(array)


def dump(array: Array) -> bytes:
    out = io.BytesIO()
    np.save(out, array, allow_pickle=False)
    return out.getvalue()
