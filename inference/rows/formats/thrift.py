"""Thrift's compact protocol, as far as Parquet's footers and page headers need it.

Parquet's are read here because pyarrow shows no page headers, and ends the process on some damaged
footers. Damaged bytes raise IndexError or MalformedInput, after a time in proportion to their
number.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from inference.errors import MalformedInput

TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCTURE = range(1, 13)
#: Parquet's own structures nest less, lists and maps counted.
_MAX_DEPTH = 16

#: Which fields of a structure are read, by number: INTEGER, the Plan of a structure, or a list with
#: the Plan of its structures.
Plan = Mapping[int, Any]
INTEGER = object()


def malformed() -> MalformedInput:
    return MalformedInput("the Parquet file's footer or a page's header can't be read")


def read(encoded: bytes, position: int, plan: Plan) -> tuple[dict[int, Any], int]:
    """The planned fields of the structure at `position`, and where it ends."""
    found: dict[int, Any] = {}
    number = 0
    while head := encoded[position]:
        number, kind, position = field(encoded, position, head, number)
        wanted = plan.get(number)
        if wanted is None:
            position = skip(encoded, position, kind)
            continue
        if number in found:  # readers differ in which of the two counts
            raise malformed()
        found[number], position = _value(encoded, position, kind, wanted)
    return found, position + 1


def _value(encoded: bytes, position: int, kind: int, wanted: Any) -> tuple[Any, int]:
    if wanted is INTEGER and I16 <= kind <= I64:
        return integer(encoded, position)
    if isinstance(wanted, dict) and kind == STRUCTURE:
        return read(encoded, position, wanted)
    if isinstance(wanted, list) and kind == LIST:
        kind, count, position = list_head(encoded, position)
        if kind != STRUCTURE and count:
            raise malformed()
        values = []
        for _ in range(count):
            value, position = read(encoded, position, wanted[0])
            values.append(value)
        return values, position
    raise malformed()


def field(encoded: bytes, position: int, head: int, number: int) -> tuple[int, int, int]:
    """A field's number and kind, and where its value begins. `number`: of the field before."""
    if head > 15:
        return number + (head >> 4), head & 15, position + 1
    number, position = integer(encoded, position + 1)
    return number, head & 15, position


def skip(encoded: bytes, position: int, kind: int, depth: int = 0) -> int:
    """Where the value of a field ends."""
    if kind <= FALSE:  # the head of its field is all there is
        return position
    if I16 <= kind <= I64:
        while encoded[position] > 127:
            position += 1
        return position + 1
    if kind == BINARY:
        size, position = varint(encoded, position)
        return position + size
    if kind in (BYTE, DOUBLE):
        return position + (1 if kind == BYTE else 8)
    if depth > _MAX_DEPTH or kind not in _SKIPS:
        raise malformed()
    return _SKIPS[kind](encoded, position, depth + 1)


def _skip_structure(encoded: bytes, position: int, depth: int) -> int:
    number = 0
    while head := encoded[position]:
        number, kind, position = field(encoded, position, head, number)
        position = skip(encoded, position, kind, depth)
    return position + 1


def _skip_list(encoded: bytes, position: int, depth: int) -> int:
    kind, count, position = list_head(encoded, position)
    return _skip_items(encoded, position, count, depth, (kind,))


def _skip_map(encoded: bytes, position: int, depth: int) -> int:
    count, position = varint(encoded, position)
    if not count:
        return position
    kinds = (encoded[position] >> 4, encoded[position] & 15)
    return _skip_items(encoded, position + 1, count, depth, kinds)


def _skip_items(
    encoded: bytes, position: int, count: int, depth: int, kinds: tuple[int, ...]
) -> int:
    for _ in range(count):
        for kind in kinds:
            position = skip(encoded, position, BYTE if kind <= FALSE else kind, depth)
        if position > len(encoded):
            raise IndexError
    return position


_SKIPS = {STRUCTURE: _skip_structure, LIST: _skip_list, SET: _skip_list, MAP: _skip_map}


def list_head(encoded: bytes, position: int) -> tuple[int, int, int]:
    """The kind of a list's items, their number, and where the first one begins."""
    head = encoded[position]
    if head < 0xF0:
        return head & 15, head >> 4, position + 1
    count, position = varint(encoded, position + 1)
    return head & 15, count, position


def varint(encoded: bytes, position: int) -> tuple[int, int]:
    """An unsigned number, and where it ends."""
    value = shift = 0
    while shift < 64:
        byte = encoded[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
    raise malformed()


def integer(encoded: bytes, position: int) -> tuple[int, int]:
    """A signed number, and where it ends."""
    value, position = varint(encoded, position)
    return (value >> 1) ^ -(value & 1), position
