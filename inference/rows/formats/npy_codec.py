"""Predictions as an array, and arrays in NumPy's .npy format."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from inference.errors import UnacceptableAnswer
from inference.limits import rows_per_part
from inference.rows import media_types
from inference.rows.row_types import Array

#: In an array of texts.
MAX_CHARACTERS = 25_000_000


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
    is_negative = any(part.dtype.kind == "i" and part.min() < 0 for part in parts)
    dtype = common_dtype([part.dtype for part in parts], is_negative=is_negative)
    if dtype.kind == "U":
        _require_room(dtype.itemsize // 4, sum(part.size for part in parts))
    return np.concatenate(parts, dtype=dtype)


def common_dtype(dtypes: Sequence[np.dtype[Any]], *, is_negative: bool) -> np.dtype[Any]:
    """The type that holds all predictions. Raises UnacceptableAnswer if only some are texts.

    `is_negative`: whether any integer is.
    """
    kinds = {dtype.kind for dtype in dtypes}
    if "U" in kinds and len(kinds) > 1:
        raise UnacceptableAnswer(got=media_types.NPY, supported=(media_types.JSON,))
    if kinds == {"i", "u"} and not is_negative:
        return np.dtype(np.uint64)
    return np.result_type(*dtypes) if dtypes else np.dtype(np.float64)


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
    fields = {"descr": described, "fortran_order": False, "shape": (count,)}
    try:
        np.lib.format.write_array_header_1_0(out, fields)
    except ValueError:  # names beyond latin-1, or more than 64 KB of them
        return _long_header(repr(fields).encode())
    return out.getvalue()


def _long_header(text: bytes) -> bytes:
    """Of version 3.0, in UTF-8. The items begin at a multiple of 64 bytes."""
    magic = np.lib.format.magic(3, 0)
    padding = -(len(magic) + 4 + len(text) + 1) % np.lib.format.ARRAY_ALIGN
    size = len(text) + padding + 1
    return magic + size.to_bytes(4, "little") + text + b" " * padding + b"\n"


def dump(array: Array) -> bytes:
    out = io.BytesIO()
    np.save(out, array, allow_pickle=False)
    return out.getvalue()
