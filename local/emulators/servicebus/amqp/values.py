"""AMQP's types that Python does not tell apart.

null, boolean, long, double, string, binary, uuid, list and map are Python's own None, bool, int,
float, str, bytes, UUID, list and dict. Everything else has a class here, so that what is decoded
encodes to the same type again: a reply must echo a message-id with its type.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

#: Whatever AMQP can carry. Its shapes are open, so code that reads one checks what it got.
type Value = Any


class UByte(int):
    __slots__ = ()


class UShort(int):
    __slots__ = ()


class UInt(int):
    __slots__ = ()


class ULong(int):
    __slots__ = ()


class Byte(int):
    __slots__ = ()


class Short(int):
    __slots__ = ()


class Int(int):
    __slots__ = ()


class Timestamp(int):
    """Milliseconds since the epoch."""

    __slots__ = ()


class Float(float):
    """Four bytes wide; a plain float is AMQP's double."""

    __slots__ = ()


class Char(str):
    """One Unicode character."""

    __slots__ = ()


class Symbol(str):
    """ASCII from a constrained domain, such as an error condition."""

    __slots__ = ()


class Array(list[Value]):
    """Values of one type, encoded with one constructor."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Decimal:
    """IEEE 754 decimal32, decimal64 or decimal128, carried unread."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Described:
    """A value with a descriptor, which says what the value means."""

    descriptor: Value
    value: Value
