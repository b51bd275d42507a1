"""Thrift's compact protocol, as far as Parquet's footers and page headers need it."""

from __future__ import annotations

from inference.errors import MalformedInput

_STOP, _TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _MAP, _STRUCT = 0, 1, 2, 3, 7, 8, 11, 12
_INTEGERS, _LISTS = (4, 5, 6), (9, 10)
#: Parquet's own structures nest less, lists and maps counted.
_MAX_DEPTH = 16


class Structure:
    """Fields by number. Reading a field as another type raises MalformedInput."""

    def __init__(self) -> None:
        self._fields: dict[int, object] = {}

    def put(self, number: int, value: object) -> None:
        if number in self._fields:  # readers differ in which of the two counts
            raise malformed()
        self._fields[number] = value

    def integer(self, number: int, default: int = -1) -> int:
        value = self._fields.get(number, default)
        if not isinstance(value, int):
            raise malformed()
        return value

    def structure(self, number: int) -> Structure:
        """An empty structure if there is none."""
        return _structure(self._fields.get(number, _EMPTY))

    def structures(self, number: int) -> list[Structure]:
        values = self._fields.get(number, [])
        if not isinstance(values, list):
            raise malformed()
        return [_structure(value) for value in values]


_EMPTY = Structure()


def _structure(value: object) -> Structure:
    if not isinstance(value, Structure):
        raise malformed()
    return value


def malformed() -> MalformedInput:
    return MalformedInput("the Parquet file's footer or a page's header can't be read")


class Reader:
    """Reads structures from a position on. Raises IndexError at the end of the body.

    `room`: how many values may be read at most, lists' own included.
    """

    def __init__(self, body: bytes, position: int, *, room: int) -> None:
        self._body, self.position, self._room = body, position, room

    def structure(self, depth: int = 0) -> Structure:
        found = Structure()
        number = 0
        while (head := self._byte()) != _STOP:
            number = number + (head >> 4) if head >> 4 else self.integer()
            kind = head & 0x0F
            if kind in (_TRUE, _FALSE):  # the head is all there is
                self._spend(depth)
                found.put(number, int(kind == _TRUE))
            else:
                found.put(number, self._value(kind, depth))
        return found

    def fields(self) -> dict[int, tuple[int, bytes]]:
        """A structure's fields by number: each one's kind and its encoded value."""
        found: dict[int, tuple[int, bytes]] = {}
        number = 0
        while (head := self._byte()) != _STOP:
            number = number + (head >> 4) if head >> 4 else self.integer()
            if number in found:  # readers differ in which of the two counts
                raise malformed()
            kind, start = head & 0x0F, self.position
            if kind not in (_TRUE, _FALSE):  # the head is all there is
                self._value(kind, 0)
            found[number] = (kind, self._body[start : self.position])
        return found

    def items(self) -> tuple[int, list[bytes]]:
        """The kind of a list's items, and each one encoded."""
        head = self._byte()
        count = head >> 4 if head >> 4 < 15 else self.varint()
        found: list[bytes] = []
        for _ in range(count):
            start = self.position
            self._value(head & 0x0F, 0)
            found.append(self._body[start : self.position])
        return head & 0x0F, found

    def _value(self, kind: int, depth: int) -> object:
        """Skips texts and maps. `depth`: how deep the value is nested."""
        self._spend(depth)
        if kind in _INTEGERS:
            return self.integer()
        if kind == _STRUCT:
            return self.structure(depth + 1)
        if kind in _LISTS:
            return self._list(depth)
        if kind == _BINARY:
            self._skip(self.varint())
        elif kind == _DOUBLE:
            self._skip(8)
        elif kind in (_BYTE, _TRUE, _FALSE):
            self._skip(1)
        elif kind == _MAP:
            self._map(depth)
        else:
            raise malformed()
        return None

    def _spend(self, depth: int) -> None:
        self._room -= 1
        if depth > _MAX_DEPTH or self._room < 0:
            raise malformed()

    def _list(self, depth: int) -> list[object]:
        head = self._byte()
        count = head >> 4 if head >> 4 < 15 else self.varint()
        return [self._value(head & 0x0F, depth + 1) for _ in range(count)]

    def _map(self, depth: int) -> None:
        count = self.varint()
        kinds = self._byte() if count else 0
        for _ in range(count):
            self._value(kinds >> 4, depth + 1)
            self._value(kinds & 0x0F, depth + 1)

    def _skip(self, count: int) -> None:
        self.position += count
        if self.position > len(self._body):
            raise IndexError

    def _byte(self) -> int:
        self.position += 1
        return self._body[self.position - 1]

    def varint(self) -> int:
        value = shift = 0
        while shift < 64:
            byte = self._byte()
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value
        raise malformed()

    def integer(self) -> int:
        value = self.varint()
        return (value >> 1) ^ -(value & 1)
