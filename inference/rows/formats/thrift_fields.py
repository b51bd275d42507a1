"""Structures in Thrift's compact protocol, changed without decoding most of their fields.

A structure is its fields by number: each a kind and the encoded value. A field that stays is
written as it was read.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from inference.rows.formats import thrift

I32, I64, BINARY, LIST, STRUCTURE = 5, 6, 8, 9, 12
#: In the head of a list: the count follows as a number.
_LONG_LIST = 15


@dataclass(frozen=True, slots=True)
class Elements:
    """An encoded list."""

    kind: int
    items: tuple[bytes, ...]

    def encoded(self) -> bytes:
        count = len(self.items)
        short = count < _LONG_LIST
        head = bytes([(count if short else _LONG_LIST) << 4 | self.kind])
        return head + (b"" if short else varint(count)) + b"".join(self.items)


class Fields:
    """A structure. Reading a damaged one raises IndexError or MalformedInput."""

    def __init__(self, encoded: bytes) -> None:
        self._fields = thrift.Reader(encoded, 0, room=len(encoded) + 1).fields()

    def __contains__(self, number: int) -> bool:
        return number in self._fields

    def integer(self, number: int) -> int:
        reader = thrift.Reader(self._of(number), 0, room=1)
        return reader.integer()

    def binary(self, number: int) -> bytes:
        """The bytes of a text."""
        value = self._of(number)
        reader = thrift.Reader(value, 0, room=1)
        reader.varint()
        return value[reader.position :]

    def structure(self, number: int) -> Fields:
        return Fields(self._of(number))

    def elements(self, number: int) -> Elements:
        """A list of structures; an empty one if there is none."""
        if number not in self._fields:
            return Elements(STRUCTURE, ())
        value = self._of(number)
        kind, items = thrift.Reader(value, 0, room=len(value) + 1).items()
        return Elements(kind, tuple(items))

    def put_integer(self, number: int, value: int) -> None:
        """Replaces a number."""
        kind, _ = self._fields[number]
        self._fields[number] = (kind, varint((value << 1) ^ (value >> 63)))

    def add_integer(self, number: int, more: int) -> None:
        """Adds to a number, if it is there."""
        if number in self._fields:
            self.put_integer(number, self.integer(number) + more)

    def put_binary(self, number: int, value: bytes) -> None:
        self._fields[number] = (BINARY, varint(len(value)) + value)

    def put_structure(self, number: int, value: Fields) -> None:
        self._fields[number] = (STRUCTURE, value.encoded())

    def extend(self, number: int, items: Iterable[bytes]) -> None:
        """Appends to a list of structures."""
        self.put_elements(number, (*self.elements(number).items, *items))

    def put_elements(self, number: int, items: Iterable[bytes]) -> None:
        self._fields[number] = (LIST, Elements(STRUCTURE, tuple(items)).encoded())

    def encoded(self) -> bytes:
        out = bytearray()
        last = 0
        for number, (kind, value) in sorted(self._fields.items()):
            step = number - last
            out += bytes([step << 4 | kind]) if 0 < step < 16 else _long_head(number, kind)
            out += value
            last = number
        return bytes(out) + b"\0"

    def _of(self, number: int) -> bytes:
        if number not in self._fields:
            raise thrift.malformed()
        return self._fields[number][1]


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def _long_head(number: int, kind: int) -> bytes:
    return bytes([kind]) + varint((number << 1) ^ (number >> 63))
