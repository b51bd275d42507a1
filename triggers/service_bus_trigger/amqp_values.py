"""Decodes AMQP 1.0 values (part 1 of the standard), as far as messages of Service Bus hold them.

Importing Microsoft's SDK for this would take as long as loading the app, and its decoder is slower.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

from triggers.service_bus_trigger import amqp_decimals

MAX_DEPTH = 16
_TOO_DEEP = f"AMQP values nested more than {MAX_DEPTH} deep"

_DESCRIBED = 0x00
_CONSTANTS: dict[int, Any] = {0x40: None, 0x41: True, 0x42: False, 0x43: 0, 0x44: 0, 0x45: []}
_NUMBERS = {
    code: struct.Struct(f">{layout}")
    for layout, codes in (
        *(("B", (0x50, 0x52, 0x53)), ("b", (0x51, 0x54, 0x55)), ("?", (0x56,))),
        *(("H", (0x60,)), ("h", (0x61,)), ("I", (0x70,)), ("i", (0x71,)), ("f", (0x72,))),
        # The last one is a timestamp, in milliseconds since 1970.
        *(("Q", (0x80,)), ("q", (0x81, 0x83)), ("d", (0x82,))),
    )
    for code in codes
}
#: Bytes of a value, by the upper half of its code: fixed, or in a size field of so many bytes.
_FIXED_WIDTHS = {0x4: 0, 0x5: 1, 0x6: 2, 0x7: 4, 0x8: 8, 0x9: 16}
_SIZE_WIDTHS = {0xA: 1, 0xB: 4, 0xC: 1, 0xD: 4, 0xE: 1, 0xF: 4}


def decode(data: bytes, at: int) -> tuple[Any, int]:
    """The value that begins at `at`, and the offset behind it. Raises ValueError.

    Symbols are text, timestamps are integers, arrays are lists, and a described value is the value
    alone.
    """
    try:
        return _decode(data, at, MAX_DEPTH)
    except (IndexError, struct.error) as error:
        raise ValueError(f"no AMQP value at byte {at}") from error


def skip(data: bytes, at: int) -> int:
    """The offset behind the value that begins at `at`. Raises ValueError."""
    try:
        return _skip(data, at)
    except IndexError as error:
        raise ValueError(f"no AMQP value at byte {at}") from error


def _decode(data: bytes, at: int, depth: int) -> tuple[Any, int]:
    code = data[at]
    if code == _DESCRIBED:
        if not depth:
            raise ValueError(_TOO_DEEP)
        return _decode(data, _skip(data, at + 1), depth - 1)
    return _decode_as(code, data, at + 1, depth)


def _decode_as(code: int, data: bytes, at: int, depth: int) -> tuple[Any, int]:
    """The value of a type's code, whose bytes begin at `at`."""
    if code in _CONSTANTS:
        return _CONSTANTS[code], at
    if number := _NUMBERS.get(code):
        return number.unpack_from(data, at)[0], at + number.size
    if not depth:
        raise ValueError(_TOO_DEEP)
    begin, end = _span(code, data, at)
    if read := _READERS.get(code):
        # Only these bytes: those behind the list would be decoded twice, and again in the next.
        return read(data[begin:end], depth), end
    return data[begin:end], end


def _skip(data: bytes, at: int) -> int:
    while data[at] == _DESCRIBED:
        at = _span(data[at + 1], data, at + 2)[1]
    return _span(data[at], data, at + 1)[1]


def _span(code: int, data: bytes, at: int) -> tuple[int, int]:
    """Where the bytes of a value begin and end. `at`: the offset behind its code."""
    half, begin = code >> 4, at
    if (width := _FIXED_WIDTHS.get(half)) is None:
        if (size_width := _SIZE_WIDTHS.get(half)) is None:
            raise ValueError(f"no AMQP value at byte {at - 1}")
        begin += size_width
        width = int.from_bytes(data[at:begin])
    if begin + width > len(data):
        raise ValueError(f"the AMQP value at byte {at - 1} is cut off")
    return begin, begin + width


def _elements(data: bytes, depth: int, width: int) -> list[Any]:
    """`width`: bytes of the count, which is not needed."""
    at, values = width, []
    while at < len(data):
        value, at = _decode(data, at, depth - 1)
        values.append(value)
    return values


def _array(data: bytes, depth: int, width: int) -> list[Any]:
    """The elements of an array, whose code comes once. `width`: bytes of its count."""
    count, at = int.from_bytes(data[:width]), width
    if count > len(data) - at:  # elements without bytes: a few bytes could stand for 2^32
        raise ValueError(f"an AMQP array has {count:,} elements in {len(data) - at:,} bytes")
    while data[at] == _DESCRIBED:
        at = _skip(data, at + 1)
    code, at = data[at], at + 1
    values = []
    for _ in range(count):
        value, at = _decode_as(code, data, at, depth - 1)
        values.append(value)
    return values


def _to_map(values: list[Any]) -> dict[Any, Any]:
    pairs = zip(*[iter(values)] * 2, strict=True)
    return {key if isinstance(key, str | int) else str(key): value for key, value in pairs}


_READERS: dict[int, Callable[[bytes, int], Any]] = {
    **dict.fromkeys((0xA1, 0xB1, 0xA3, 0xB3), lambda data, _: data.decode()),
    0xC0: partial(_elements, width=1),
    0xD0: partial(_elements, width=4),
    0xC1: lambda data, depth: _to_map(_elements(data, depth, 1)),
    0xD1: lambda data, depth: _to_map(_elements(data, depth, 4)),
    0xE0: partial(_array, width=1),
    0xF0: partial(_array, width=4),
    **dict.fromkeys((0x74, 0x84, 0x94), lambda data, _: amqp_decimals.decode(data)),
    0x73: lambda data, _: chr(int.from_bytes(data)),
    0x98: lambda data, _: str(UUID(bytes=data)),
}
