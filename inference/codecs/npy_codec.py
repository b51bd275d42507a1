"""NumPy's own format. Objects are refused, and sizes checked before memory is taken."""

from __future__ import annotations

import io
import math
from typing import Any

import numpy as np

from inference.errors import MalformedInput, UnacceptableAnswer, UnfitInput
from inference.rows import Array

_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def decode(body: bytes) -> Array:
    """An array of real numbers, one row a line; it shares the body's memory."""
    stream = io.BytesIO(body)
    try:
        header = _HEADERS[np.lib.format.read_magic(stream)]
        shape, by_column, dtype = header(stream)
    except Exception as error:  # the header is a Python literal: its parser raises what it likes
        raise MalformedInput(f"the body is not a .npy array: {error}") from error
    if dtype.kind not in "fiub" or dtype.itemsize > 8:
        raise UnfitInput(field="dtype", expected="numbers of at most 64 bits", got=str(dtype))
    start = stream.tell()
    promised, present = math.prod(shape) * dtype.itemsize, len(body) - start
    if promised != present:
        raise MalformedInput(
            f"the .npy header promises {promised:,} bytes of numbers, the body has {present:,}"
        )
    array: Array = np.frombuffer(body, dtype, offset=start)
    return array.reshape(shape, order="F" if by_column else "C")


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
