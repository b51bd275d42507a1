"""Classes for AMQP types that Python does not distinguish.

null, boolean, long, double, string, binary, uuid, list and map are Python's None, bool, int, float,
str, bytes, UUID, list and dict. The other types have a class here, so that a decoded value encodes
to the same type again: a reply must echo a message id with its type.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

#: Any AMQP value. Code that reads one must check its type.
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
    """Four bytes; a plain float is AMQP's double."""

    __slots__ = ()


class Char(str):
    """One Unicode character."""

    __slots__ = ()


class Symbol(str):
    """ASCII text from a fixed set of names, for example an error condition."""

    __slots__ = ()


class Array(list[Value]):
    """Values of one type, encoded with one constructor."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Decimal:
    """IEEE 754 decimal32, decimal64 or decimal128, not decoded."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Described:
    """A value with a descriptor that gives its meaning."""

    descriptor: Value
    value: Value
