"""Encodes AMQP values, each in its type's shortest encoding."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from uuid import UUID

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


def encode(value: Value) -> bytes:
    """The value with its constructor. Raises TypeError if AMQP has no such type."""
    out = bytearray()
    _append(out, value)
    return bytes(out)


def _append(out: bytearray, value: Value) -> None:
    write = _WRITERS.get(type(value))
    if write is None:
        raise TypeError(f"AMQP has no type for {type(value).__name__}")
    write(out, value)


def _null(out: bytearray, _: None) -> None:
    out.append(0x40)


def _bool(out: bytearray, value: bool) -> None:
    out.append(0x41 if value else 0x42)


def _uint(out: bytearray, value: int) -> None:
    if value == 0:
        out.append(0x43)
    elif value < 0x100:
        out += b"\x52"
        out.append(value)
    else:
        out += _UINT.pack(0x70, value)


def _ulong(out: bytearray, value: int) -> None:
    if value == 0:
        out.append(0x44)
    elif value < 0x100:
        out += b"\x53"
        out.append(value)
    else:
        out += _ULONG.pack(0x80, value)


def _int(out: bytearray, value: int) -> None:
    out += _SMALL.pack(0x54, value) if -0x80 <= value < 0x80 else _INT.pack(0x71, value)


def _long(out: bytearray, value: int) -> None:
    out += _SMALL.pack(0x55, value) if -0x80 <= value < 0x80 else _LONG.pack(0x81, value)


def _fixed(code: int, layout: str) -> Callable[[bytearray, Value], None]:
    packer = struct.Struct(f">B{layout}")

    def write(out: bytearray, value: Value) -> None:
        out += packer.pack(code, value)

    return write


def _char(out: bytearray, value: Char) -> None:
    out += _UINT.pack(0x73, ord(value))


def _decimal(out: bytearray, value: Decimal) -> None:
    out.append({4: 0x74, 8: 0x84, 16: 0x94}[len(value.data)])
    out += value.data


def _uuid(out: bytearray, value: UUID) -> None:
    out.append(0x98)
    out += value.bytes


def _sized(out: bytearray, small_code: int, data: bytes) -> None:
    """Variable-width data. The constructor of the wide form is the small one plus 0x10."""
    if len(data) < 0x100:
        out.append(small_code)
        out.append(len(data))
    else:
        out += _UINT.pack(small_code + 0x10, len(data))
    out += data


def _binary(out: bytearray, value: bytes) -> None:
    _sized(out, 0xA0, value)


def _string(out: bytearray, value: str) -> None:
    _sized(out, 0xA1, value.encode())


def _symbol(out: bytearray, value: str) -> None:
    _sized(out, 0xA3, value.encode("ascii"))


def _compound(out: bytearray, small_code: int, count: int, body: bytearray) -> None:
    """A list, map or array. Its size includes the count field."""
    if len(body) < 0xFF and count < 0x100:
        out += bytes((small_code, len(body) + 1, count))
    else:
        out += struct.pack(">BII", small_code + 0x10, len(body) + 4, count)
    out += body


def _list(out: bytearray, items: Sequence[Value]) -> None:
    if not items:
        out.append(0x45)
        return
    body = bytearray()
    for item in items:
        _append(body, item)
    _compound(out, 0xC0, len(items), body)


def _map(out: bytearray, items: dict[Value, Value]) -> None:
    body = bytearray()
    for key, item in items.items():
        _append(body, key)
        _append(body, item)
    _compound(out, 0xC1, 2 * len(items), body)


def _array(out: bytearray, items: Array) -> None:
    """One constructor for all elements: that of the type's widest form."""
    body = bytearray()
    first = items[0] if items else None
    if isinstance(first, Described):
        if any(item.descriptor != first.descriptor for item in items):
            raise TypeError("the elements of an array must have one descriptor")
        body.append(0x00)
        _append(body, first.descriptor)
        items = Array(item.value for item in items)
        first = items[0]
    if len({type(item) for item in items}) > 1:
        raise TypeError("the elements of an array must have one type")
    if type(first) not in _WIDEST:
        raise TypeError(f"arrays of {type(first).__name__} are not supported")
    code, write = _WIDEST[type(first)]
    body.append(code)
    for item in items:
        write(body, item)
    _compound(out, 0xE0, len(items), body)


def _described(out: bytearray, value: Described) -> None:
    out.append(0x00)
    _append(out, value.descriptor)
    _append(out, value.value)


def _element(layout: str) -> Callable[[bytearray, Value], None]:
    packer = struct.Struct(f">{layout}")

    def write(out: bytearray, value: Value) -> None:
        out += packer.pack(value)

    return write


def _sized_element(out: bytearray, data: bytes) -> None:
    out += len(data).to_bytes(4)
    out += data


def _compound_element(small_code: int) -> Callable[[bytearray, Value], None]:
    """A list or map in an array: its wide form without the constructor."""

    def write(out: bytearray, value: Value) -> None:
        body = bytearray()
        items = [part for pair in value.items() for part in pair] if small_code == 0xC1 else value
        for item in items:
            _append(body, item)
        out += struct.pack(">II", len(body) + 4, len(items))
        out += body

    return write


_SMALL = struct.Struct(">Bb")
_UINT = struct.Struct(">BI")
_ULONG = struct.Struct(">BQ")
_INT = struct.Struct(">Bi")
_LONG = struct.Struct(">Bq")

_WRITERS: dict[type, Callable[[bytearray, Value], None]] = {
    type(None): _null,
    bool: _bool,
    UByte: _fixed(0x50, "B"),
    UShort: _fixed(0x60, "H"),
    UInt: _uint,
    ULong: _ulong,
    Byte: _fixed(0x51, "b"),
    Short: _fixed(0x61, "h"),
    Int: _int,
    int: _long,
    Timestamp: _fixed(0x83, "q"),
    Float: _fixed(0x72, "f"),
    float: _fixed(0x82, "d"),
    Char: _char,
    Decimal: _decimal,
    UUID: _uuid,
    bytes: _binary,
    bytearray: _binary,
    str: _string,
    Symbol: _symbol,
    list: _list,
    tuple: _list,
    dict: _map,
    Array: _array,
    Described: _described,
}

_WIDEST: dict[type, tuple[int, Callable[[bytearray, Value], None]]] = {
    type(None): (0x40, lambda _out, _value: None),
    bool: (0x56, _element("?")),
    UByte: (0x50, _element("B")),
    UShort: (0x60, _element("H")),
    UInt: (0x70, _element("I")),
    ULong: (0x80, _element("Q")),
    Byte: (0x51, _element("b")),
    Short: (0x61, _element("h")),
    Int: (0x71, _element("i")),
    int: (0x81, _element("q")),
    Timestamp: (0x83, _element("q")),
    Float: (0x72, _element("f")),
    float: (0x82, _element("d")),
    Char: (0x73, lambda out, value: out.extend(ord(value).to_bytes(4))),
    UUID: (0x98, lambda out, value: out.extend(value.bytes)),
    bytes: (0xB0, _sized_element),
    str: (0xB1, lambda out, value: _sized_element(out, value.encode())),
    Symbol: (0xB3, lambda out, value: _sized_element(out, value.encode("ascii"))),
    list: (0xD0, _compound_element(0xC0)),
    dict: (0xD1, _compound_element(0xC1)),
}
