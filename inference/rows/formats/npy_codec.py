"""NumPy's .npy format. Objects are refused, and sizes are checked before memory is allocated."""

from __future__ import annotations

import contextlib
import io
import math
from typing import Any

import numpy as np

from inference.errors import MalformedInput, UnacceptableAnswer, UnfitInput
from inference.limits import rows_per_part
from inference.rows import media_types
from inference.rows.row_types import Array

#: In an array of texts.
MAX_CHARACTERS = 25_000_000

_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def decode(body: bytes) -> Array:
    """An array of real numbers, shape (rows, features) or (rows,). It shares the body's memory."""
    stream = io.BytesIO(body)
    try:
        header = _HEADERS[np.lib.format.read_magic(stream)]
        shape, by_column, dtype = header(stream)
    except Exception as error:  # the parser of the header, a Python literal, may raise anything
        raise MalformedInput(f"the body is not a .npy array: {error}") from error
    if dtype.kind not in "fiub" or dtype.itemsize > 8:
        raise UnfitInput(field="dtype", expected="numbers of at most 64 bits", got=str(dtype))
    start = stream.tell()
    promised, present = math.prod(shape) * dtype.itemsize, len(body) - start
    if promised != present or min(shape, default=0) < 0:
        raise MalformedInput(
            f"the .npy header promises {promised:,} bytes of numbers, the body has {present:,}"
        )
    if len(shape) > 2 or 0 in shape:
        raise UnfitInput(
            field="shape", expected="(rows, features), at least one of each", got=str(shape)[:60]
        )
    array: Array = np.frombuffer(body, dtype, offset=start)
    return array.reshape(shape, order="F" if by_column else "C")


def encode(values: list[Any]) -> bytes:
    return dump(array_of(values))


def array_of(predictions: list[Any]) -> Array:
    """One item per prediction; null is NaN, or an empty text among texts.

    Raises UnacceptableAnswer if predictions differ in shape, or only some are texts.
    """
    try:
        first = predictions[0] if predictions else None
        rows = rows_per_part(len(first) if isinstance(first, list) else 1)
        return _joined(
            [
                _array_of(predictions[start : start + rows])
                for start in range(0, max(1, len(predictions)), rows)
            ]
        )
    except (ValueError, TypeError, OverflowError) as error:
        raise UnacceptableAnswer(got=media_types.NPY, supported=(media_types.JSON,)) from error


def _joined(parts: list[Array]) -> Array:
    """Raises ValueError if parts differ in shape, or only some hold texts."""
    if len(parts) == 1:
        return parts[0]
    kinds = {part.dtype.kind for part in parts}
    if "U" in kinds:
        return _joined_texts(parts)
    if kinds == {"i", "u"} and min(part.min() for part in parts) >= 0:
        parts = [part.astype(np.uint64) for part in parts]
    return np.concatenate(parts)


def _joined_texts(parts: list[Array]) -> Array:
    if any(part.dtype.kind != "U" for part in parts):
        raise ValueError
    longest = max(part.dtype.itemsize // 4 for part in parts)
    _require_room(longest, sum(part.size for part in parts))
    return np.concatenate(parts)


def _array_of(predictions: list[Any]) -> Array:
    cells: Array = np.array(predictions, dtype=object)
    if any(isinstance(cell, str) for cell in cells.flat):
        return _texts(cells)
    array = np.array(predictions)
    # NumPy makes floats of integers that only uint64 holds.
    if array.dtype.kind == "f" and set(map(type, cells.flat)) == {int}:
        with contextlib.suppress(OverflowError):
            return np.array(predictions, dtype=np.uint64)
    return array.astype(np.float64) if array.dtype.kind == "O" else array


def _texts(cells: Array) -> Array:
    texts = ["" if cell is None else cell for cell in cells.flat]
    longest = max(map(len, texts))  # raises TypeError for a number
    if not all(isinstance(text, str) for text in texts):
        raise ValueError
    _require_room(longest, len(texts))
    return np.array(texts).reshape(cells.shape)


def _require_room(longest: int, count: int) -> None:
    """Raises ValueError. Each text takes the memory of the longest one."""
    if longest * count > MAX_CHARACTERS:
        raise ValueError


def header(dtype: np.dtype[Any], count: int) -> bytes:
    """The header of a file with `count` items."""
    out = io.BytesIO()
    described = np.lib.format.dtype_to_descr(dtype)
    np.lib.format.write_array_header_1_0(
        out, {"descr": described, "fortran_order": False, "shape": (count,)}
    )
    return out.getvalue()


def dump(array: Array) -> bytes:
    out = io.BytesIO()
    np.save(out, array, allow_pickle=False)
    return out.getvalue()
