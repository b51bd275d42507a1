"""Decodes AMQP values.

The upper half of a constructor byte gives the width of what follows (AMQP 1.0, part 1.2.2), so a
value can be skipped without being decoded. Peers are not trusted: sizes and counts are checked
against the available bytes before anything is allocated, and nesting is limited.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from uuid import UUID

from local.emulators.servicebus.amqp.errors import DecodeError
from local.emulators.servicebus.amqp.values import (
    Array,
    Byte,
    Char,
    Decimal,
    Described,
    Float,
    Int,
    Short,
    Symbol,
    Timestamp,
    UByte,
    UInt,
    ULong,
    UShort,
    Value,
)

MAX_DEPTH = 32

#: The most elements of an array whose elements have no bytes (null, true, false, 0). Ten bytes are
#: such an array, and a message may hold many.
MAX_EMPTY_ELEMENTS = 64

_DESCRIBED = 0x00
_EMPTY_LIST = 0x45

#: Bytes after the constructor, by its upper half: a fixed number,
_FIXED_WIDTHS = {0x4: 0, 0x5: 1, 0x6: 2, 0x7: 4, 0x8: 8, 0x9: 16}
#: or a size field of this many bytes.
_SIZE_WIDTHS = {0xA: 1, 0xB: 4, 0xC: 1, 0xD: 4, 0xE: 1, 0xF: 4}

_UINT32 = struct.Struct(">I")


def decode(data: bytes, at: int = 0) -> tuple[Value, int]:
    """The value that begins at `at`, and the offset behind it. Raises DecodeError."""
    try:
        return _value(data, at, MAX_DEPTH)
    except (IndexError, struct.error) as error:
        raise DecodeError("a value ends before its last byte") from error
    except UnicodeDecodeError as error:
        raise DecodeError("a string is not valid UTF-8, or a symbol not ASCII") from error
    except (ValueError, OverflowError, TypeError) as error:
        raise DecodeError("a value is out of its type's range") from error


def decode_whole(data: bytes) -> Value:
    """The single value in `data`. Raises DecodeError, also if bytes follow it."""
    value, end = decode(data)
    if end != len(data):
        raise DecodeError(f"{len(data) - end} unexpected bytes follow a value")
    return value


def skip(data: bytes, at: int) -> int:
    """The offset behind the value that begins at `at`. Raises DecodeError."""
    try:
        while data[at] == _DESCRIBED:
            at = skip(data, at + 1)
        width = data[at] >> 4
        if (fixed := _FIXED_WIDTHS.get(width)) is not None:
            end = at + 1 + fixed
        else:
            size_width = _SIZE_WIDTHS[width]
            begin = at + 1 + size_width
            end = begin + int.from_bytes(data[at + 1 : begin])
    except (IndexError, KeyError) as error:
        raise DecodeError(f"no value begins at byte {at}") from error
    except RecursionError as error:
        raise DecodeError("descriptors are nested too deeply") from error
    if end > len(data):
        raise DecodeError("a value ends before its last byte")
    return end


def _value(data: bytes, at: int, depth: int) -> tuple[Value, int]:
    code = data[at]
    if code == _DESCRIBED:
        _check_depth(depth)
        descriptor, at = _value(data, at + 1, depth - 1)
        value, at = _value(data, at, depth - 1)
        return Described(descriptor, value), at
    return _of(code, data, at + 1, depth)


def _of(code: int, data: bytes, at: int, depth: int) -> tuple[Value, int]:
    """The value with constructor `code`. `at` is the offset behind the constructor."""
    if (constant := _CONSTANTS.get(code, _MISSING)) is not _MISSING:
        return constant, at
    if code == _EMPTY_LIST:
        return [], at
    if (fixed := _FIXED.get(code)) is not None:
        layout, make = fixed
        return make(layout.unpack_from(data, at)[0]), at + layout.size
    if (variable := _VARIABLE.get(code)) is not None:
        size_width, read = variable
        begin = at + size_width
        end = begin + int.from_bytes(data[at:begin])
        return read(_slice(data, begin, end)), end
    if (compound := _COMPOUND.get(code)) is not None:
        _check_depth(depth)
        size_width, collect = compound
        begin, end, count = _compound_head(data, at, size_width)
        value, stop = collect(data, begin, count, depth - 1)
        if stop != end:
            raise DecodeError("a compound value's size differs from that of its elements")
        return value, end
    raise DecodeError(f"no type has the constructor 0x{code:02x}")


def _check_depth(depth: int) -> None:
    if depth <= 0:
        raise DecodeError(f"values are nested more than {MAX_DEPTH} deep")


def _slice(data: bytes, begin: int, end: int) -> bytes:
    if end > len(data):
        raise DecodeError("a value ends before its last byte")
    return data[begin:end]


def _compound_head(data: bytes, at: int, width: int) -> tuple[int, int, int]:
    """Offsets of the elements' begin and end, and their number."""
    size = int.from_bytes(data[at : at + width])
    begin, end = at + 2 * width, at + width + size
    if size < width or end > len(data):
        raise DecodeError("a compound value ends before its last element")
    return begin, end, int.from_bytes(data[at + width : begin])


def _list(data: bytes, at: int, count: int, depth: int) -> tuple[Value, int]:
    _check_count(data, at, count)
    items = []
    for _ in range(count):
        item, at = _value(data, at, depth)
        items.append(item)
    return items, at


def _map(data: bytes, at: int, count: int, depth: int) -> tuple[Value, int]:
    if count % 2:
        raise DecodeError("a map has a key without a value")
    items, at = _list(data, at, count, depth)
    # AMQP allows lists as keys, but a dict does not, and no Service Bus client sends one.
    return dict(zip(items[::2], items[1::2], strict=True)), at


def _array(data: bytes, at: int, count: int, depth: int) -> tuple[Value, int]:
    code, at = data[at], at + 1
    descriptor = _MISSING
    if code == _DESCRIBED:
        descriptor, at = _value(data, at, depth)
        code, at = data[at], at + 1
    if _FIXED_WIDTHS.get(code >> 4) == 0:
        if count > MAX_EMPTY_ELEMENTS:
            raise DecodeError(f"an array claims {count} elements of no bytes")
    else:
        _check_count(data, at, count)
    items = Array()
    for _ in range(count):
        item, at = _of(code, data, at, depth)
        items.append(item if descriptor is _MISSING else Described(descriptor, item))
    return items, at


def _check_count(data: bytes, at: int, count: int) -> None:
    """Each element has at least one byte. A larger count is false and would waste memory."""
    if count > len(data) - at:
        raise DecodeError(f"a compound value claims {count} elements, more than it has bytes")


def _char(code_point: int) -> Char:
    return Char(chr(code_point))


def _symbol(data: bytes) -> Symbol:
    return Symbol(data.decode("ascii"))


def _uuid(data: bytes) -> UUID:
    return UUID(bytes=data)


_MISSING = object()

_CONSTANTS: dict[int, Value] = {
    0x40: None,
    0x41: True,
    0x42: False,
    0x43: UInt(0),
    0x44: ULong(0),
}

_FIXED: dict[int, tuple[struct.Struct, Callable[..., Value]]] = {
    code: (struct.Struct(layout), make)
    for code, layout, make in (
        (0x50, ">B", UByte),
        (0x51, ">b", Byte),
        (0x52, ">B", UInt),
        (0x53, ">B", ULong),
        (0x54, ">b", Int),
        (0x55, ">b", int),
        (0x56, ">?", bool),
        (0x60, ">H", UShort),
        (0x61, ">h", Short),
        (0x70, ">I", UInt),
        (0x71, ">i", Int),
        (0x72, ">f", Float),
        (0x73, ">I", _char),
        (0x74, ">4s", Decimal),
        (0x80, ">Q", ULong),
        (0x81, ">q", int),
        (0x82, ">d", float),
        (0x83, ">q", Timestamp),
        (0x84, ">8s", Decimal),
        (0x94, ">16s", Decimal),
        (0x98, ">16s", _uuid),
    )
}

_VARIABLE: dict[int, tuple[int, Callable[[bytes], Value]]] = {
    0xA0: (1, bytes),
    0xA1: (1, bytes.decode),
    0xA3: (1, _symbol),
    0xB0: (4, bytes),
    0xB1: (4, bytes.decode),
    0xB3: (4, _symbol),
}

_COMPOUND: dict[int, tuple[int, Callable[[bytes, int, int, int], tuple[Value, int]]]] = {
    0xC0: (1, _list),
    0xC1: (1, _map),
    0xD0: (4, _list),
    0xD1: (4, _map),
    0xE0: (1, _array),
    0xF0: (4, _array),
}
