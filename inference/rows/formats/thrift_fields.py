"""Structures in Thrift's compact protocol, changed without decoding most of their fields.

A structure is its fields by number: each a kind and the encoded value. A field that stays is
written as it was read.
"""

from __future__ import annotations

from collections.abc import Iterable

from inference.rows.formats import thrift

#: In the head of a list: the count follows as a number.
_LONG_LIST = 15


class Fields:
    """A structure. Reading a damaged one raises IndexError or MalformedInput."""

    def __init__(self, encoded: bytes) -> None:
        self._fields: dict[int, tuple[int, bytes]] = {}
        position = number = 0
        while head := encoded[position]:
            number, kind, start = thrift.field(encoded, position, head, number)
            position = thrift.skip(encoded, start, kind)
            if number in self._fields:  # readers differ in which of the two counts
                raise thrift.malformed()
            self._fields[number] = (kind, encoded[start:position])

    def __contains__(self, number: int) -> bool:
        return number in self._fields

    def integer(self, number: int) -> int:
        return thrift.integer(self._of(number), 0)[0]

    def binary(self, number: int) -> bytes:
        """The bytes of a text."""
        value = self._of(number)
        return value[thrift.varint(value, 0)[1] :]

    def structure(self, number: int) -> Fields:
        return Fields(self._of(number))

    def elements(self, number: int) -> list[bytes]:
        """The encoded items of a list of structures; none if there is no list."""
        if number not in self._fields:
            return []
        value, found = self._of(number), []
        kind, count, position = thrift.list_head(value, 0)
        for _ in range(count):
            end = thrift.skip(value, position, kind)
            found.append(value[position:end])
            position = end
        return found

    def put_integer(self, number: int, value: int) -> None:
        """Replaces a number."""
        kind, _ = self._fields[number]
        self._fields[number] = (kind, varint(_zigzag(value)))

    def add_integer(self, number: int, more: int) -> None:
        """Adds to a number, if it is there."""
        if number in self._fields:
            self.put_integer(number, self.integer(number) + more)

    def put_binary(self, number: int, value: bytes) -> None:
        self._fields[number] = (thrift.BINARY, varint(len(value)) + value)

    def put_structure(self, number: int, value: Fields) -> None:
        self._fields[number] = (thrift.STRUCTURE, value.encoded())

    def put_elements(self, number: int, items: Iterable[bytes]) -> None:
        items = list(items)
        count, kind = len(items), thrift.STRUCTURE
        is_long = count >= _LONG_LIST
        head = bytes([min(count, _LONG_LIST) << 4 | kind]) + (varint(count) if is_long else b"")
        self._fields[number] = (thrift.LIST, head + b"".join(items))

    def extend(self, number: int, items: Iterable[bytes]) -> None:
        """Appends to a list of structures."""
        self.put_elements(number, [*self.elements(number), *items])

    def encoded(self) -> bytes:
        out = bytearray()
        last = 0
        for number, (kind, value) in sorted(self._fields.items()):
            step = number - last
            is_short = 0 < step < 16
            out += (
                bytes([step << 4 | kind]) if is_short else bytes([kind]) + varint(_zigzag(number))
            )
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


def _zigzag(number: int) -> int:
    return (number << 1) ^ (number >> 63)
