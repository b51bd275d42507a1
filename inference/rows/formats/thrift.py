"""Thrift's compact protocol, as far as Parquet's footers and page headers need it.

Parquet's are read here because pyarrow shows no page headers, and ends the process on some damaged
footers. Damaged bytes raise IndexError or MalformedInput, after a time in proportion to their
number.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from inference.errors import MalformedInput

TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCTURE = range(1, 13)
#: Bytes of a value. Of a boolean field, the head of the field is all there is.
_SIZES = {0: 0, TRUE: 0, FALSE: 0, BYTE: 1, DOUBLE: 8}
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
        if head > 15:  # as `field` does; a call for each field would take a third of the time
            number, kind, position = number + (head >> 4), head & 15, position + 1
        else:
            number, kind, position = field(encoded, position, head, number)
        if number not in plan:
            position = skip(encoded, position, kind)
            continue
        if number in found:  # readers differ in which of the two counts
            raise malformed()
        wanted = plan[number]
        if wanted is INTEGER and I16 <= kind <= I64:
            found[number], position = integer(encoded, position)
        else:
            found[number], position = _value(encoded, position, kind, wanted)
    return found, position + 1


def _value(encoded: bytes, position: int, kind: int, wanted: Any) -> tuple[Any, int]:
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
    if I16 <= kind <= I64:
        while encoded[position] > 127:
            position += 1
        return position + 1
    if kind == BINARY:
        size, position = varint(encoded, position)
        return position + size
    if kind in _SIZES:
        return position + _SIZES[kind]
    if depth > _MAX_DEPTH or kind not in _SKIPS:
        raise malformed()
    return _SKIPS[kind](encoded, position, depth + 1)


def _heads(*kinds: int) -> bytes:
    """Matches the head of a field of one of these kinds, and no long number of a field."""
    return b"[%b]" % b"".join(
        re.escape(bytes([step << 4 | kind])) for kind in kinds for step in _STEPS
    )


def _either(patterns: Iterable[bytes]) -> bytes:
    return b"(?:%b)" % b"|".join(patterns)


def _short_list(kind: int, item: bytes, *, most: int) -> bytes:
    """Matches a list of at most so many items of a kind."""
    heads = (re.escape(bytes([n << 4 | kind])) for n in range(most + 1))
    return _either(head + b"%b{%d}" % (item, n) for n, head in enumerate(heads))


#: Fields have a number that is a step from the number of the one before, here of 1 to 15.
_STEPS = range(1, 16)
_VARINT = rb"(?:[\x80-\xff]*+[\x00-\x7f])"
_SHORT_BINARY = _either(re.escape(bytes([n])) + b".{%d}" % n for n in range(25))
_NUMBERS = _either(_short_list(kind, _VARINT, most=7) for kind in (I32, I64))
_FLAT = b"(?:%b*+\\x00)" % _either(
    (
        _heads(I16, I32, I64) + _VARINT,
        _heads(BINARY) + _SHORT_BINARY,
        _heads(TRUE, FALSE),
        _heads(LIST) + _NUMBERS,
    )
)
#: Most structures and lists. A regular expression skips one in a tenth of the time.
_FLAT_STRUCTURE = re.compile(_FLAT, re.DOTALL)
_FLAT_LIST = re.compile(
    _either(
        (
            _NUMBERS,
            _short_list(BINARY, _SHORT_BINARY, most=1),
            _short_list(STRUCTURE, _FLAT, most=3),
        )
    ),
    re.DOTALL,
)


def _skip_structure(encoded: bytes, position: int, depth: int) -> int:
    if flat := _FLAT_STRUCTURE.match(encoded, position):
        return flat.end()
    while head := encoded[position]:
        kind = head & 15
        if head > 15:
            position += 1
        else:
            _, _, position = field(encoded, position, head, 0)
        position = skip(encoded, position, kind, depth)
    return position + 1


def _skip_list(encoded: bytes, position: int, depth: int) -> int:
    if flat := _FLAT_LIST.match(encoded, position):
        return flat.end()
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
    kinds = tuple(BYTE if kind <= FALSE else kind for kind in kinds)  # a byte in lists and maps
    for _ in range(count):
        for kind in kinds:
            position = skip(encoded, position, kind, depth)
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
    if (value := encoded[position]) < 0x80:
        return value, position + 1
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
