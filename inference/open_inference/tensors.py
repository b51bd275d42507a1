"""Tensors of the Open Inference Protocol: elements in JSON, or as bytes beside it.

    datatype                    in JSON                    as bytes, little-endian
    BOOL                        true, false                one byte
    INT8 … INT64, UINT8 … 64    integers                   two's complement
    FP16, FP32, FP64            numbers; null is NaN       IEEE 754
    BYTES                       texts                      four of length, then UTF-8

Elements are in row-major order. A null among booleans or texts is a missing cell. Sizes are checked
before memory is allocated.
"""

from __future__ import annotations

import itertools
import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from inference.errors import MalformedInput
from inference.open_inference.v2_document import Elements
from inference.rows.formats.gathering import stack
from inference.rows.row_types import Array, short_repr

BOOL, BYTES = "BOOL", "BYTES"
_FLOATS = {"FP16": "<f2", "FP32": "<f4", "FP64": "<f8"}
_INTEGERS = {f"{sign}INT{bits}": f"<{sign.lower() or 'i'}{bits // 8}"
             for sign in ("", "U") for bits in (8, 16, 32, 64)}  # fmt: skip
_DTYPES = {name: np.dtype(code) for name, code in (_FLOATS | _INTEGERS | {BOOL: "?"}).items()}
DATATYPES = (*_DTYPES, BYTES)

_LENGTH = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class Tensor:
    """A name, a datatype of DATATYPES, and the elements.

    Texts, and booleans with gaps, have NumPy's dtype object.
    """

    name: str
    datatype: str
    values: Array

    @property
    def shape(self) -> list[int]:
        return list(self.values.shape)


def from_json(
    data: Sequence[Any] | Elements, datatype: str, shape: Sequence[int], what: str
) -> Array:
    """Elements of at most two dimensions, nested or flat.

    `what` names the tensor in errors. Raises MalformedInput.
    """
    found: list[Array] = []
    count = 0
    for piece in data.pieces() if isinstance(data, Elements) else (data,):
        flat = _flat(piece, shape, what, rows=len(data))
        found.append(_typed(flat, datatype, what, first=count))
        count += len(flat)
    _require_size(count, math.prod(shape), "elements", what)
    if len(found) > 1:
        mixed = any(array.dtype.hasobject for array in found)
        found = [stack(found, np.dtype(object) if mixed else found[0].dtype)]
    return found[0].reshape(shape)


def _typed(flat: Sequence[Any], datatype: str, what: str, *, first: int) -> Array:
    """`first`: the index of the first one in the tensor."""
    allowed, expected = _in_json(datatype)
    kinds = set(map(type, flat))
    if not kinds <= allowed:
        index = next(index for index, element in enumerate(flat) if type(element) not in allowed)
        raise MalformedInput(
            f"{what}: expected {expected}, got {short_repr(flat[index])} at {first + index}"
        )
    if datatype == BYTES or (datatype == BOOL and type(None) in kinds):
        return _objects(flat)
    try:
        with np.errstate(over="ignore"):  # coercion refuses infinity
            array: Array = np.array(flat, _DTYPES[datatype])
    except OverflowError as error:
        raise MalformedInput(f"{what}: expected {expected}: {error}") from error
    return array


def from_bytes(data: memoryview, datatype: str, shape: Sequence[int], what: str) -> Array:
    """Elements in bytes. Numbers share the memory of `data`, even unaligned.

    Raises MalformedInput.
    """
    count = math.prod(shape)
    if datatype == BYTES:
        return _objects(_texts(data, count, what)).reshape(shape)
    dtype = _DTYPES[datatype]
    _require_size(len(data), count * dtype.itemsize, "bytes", what)
    if datatype == BOOL:
        booleans: Array = np.frombuffer(data, np.uint8).reshape(shape) != 0
        return booleans
    numbers: Array = np.frombuffer(data, dtype)
    return numbers.reshape(shape)


def to_json(values: Array) -> list[Any] | Array:
    """A flat list or array for orjson, which writes NaN as null."""
    return values.ravel().tolist() if values.dtype.hasobject else values.ravel()


def to_bytes(values: Array) -> bytes:
    if not values.dtype.hasobject:
        return values.tobytes()
    texts = [text.encode() for text in values.ravel()]
    return b"".join(itertools.chain.from_iterable((_LENGTH.pack(len(t)), t) for t in texts))


def _in_json(datatype: str) -> tuple[set[type], str]:
    """The Python types of an element, and their name in errors."""
    if datatype == BYTES:
        return {str, type(None)}, "texts"
    if datatype == BOOL:
        return {bool, type(None)}, "true or false"
    if datatype in _FLOATS:
        return {int, float, type(None)}, "numbers"
    return {int}, f"integers of {datatype}"


def _flat(data: Sequence[Any], shape: Sequence[int], what: str, *, rows: int) -> Sequence[Any]:
    """The elements of a flat list, or of a list of rows.

    `rows`: the length of the whole list; `data` may be a part of it.
    """
    if len(shape) == 1 or not data or type(data[0]) is not list:
        return data
    width = shape[1]
    if rows != shape[0] or not all(type(row) is list and len(row) == width for row in data):
        raise MalformedInput(f"{what}: its data are not {shape[0]} lists of {width}")
    return list(itertools.chain.from_iterable(data))


def _texts(data: memoryview, count: int, what: str) -> list[str]:
    if len(data) < count * _LENGTH.size:
        _require_size(len(data), count * _LENGTH.size, "bytes or more", what)
    texts: list[str] = []
    position = 0
    while len(texts) < count:
        start = position + _LENGTH.size
        length = int.from_bytes(data[position:start], "little")
        position = start + length
        if position > len(data):
            raise MalformedInput(f"{what}: text {len(texts)} is cut short")
        try:
            texts.append(str(data[start:position], "utf-8"))
        except UnicodeDecodeError as error:
            raise MalformedInput(
                f"{what}: text {len(texts)} is not UTF-8: {error.reason}"
            ) from error
    _require_size(len(data), position, "bytes", what)
    return texts


def _objects(elements: Sequence[Any]) -> Array:
    array = np.empty(len(elements), object)
    array[:] = elements
    return array


def _require_size(got: int, expected: int, unit: str, what: str) -> None:
    if got != expected:
        raise MalformedInput(
            f"{what}: its shape asks for {expected:,} {unit}, its data has {got:,}"
        )
