"""Structures in Thrift's compact protocol are skipped to the same place by either way."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.errors import MalformedInput
from inference.rows.formats import thrift
from inference.rows.formats.thrift_fields import varint

NEVER = re.compile(b"(?!)")
NUMBERS = st.integers(0, 2**64 - 1).map(varint)
TEXTS = st.binary(max_size=40).map(lambda text: varint(len(text)) + text)


def list_of(kind, items):
    def encode(values):
        count = len(values)
        head = bytes([min(count, 15) << 4 | kind]) + (varint(count) if count >= 15 else b"")
        return head + b"".join(values)

    return st.lists(items, max_size=20).map(encode)


def structure_of(fields):
    def encode(pairs):
        heads = (bytes([step << 4 | kind]) for (kind, _), step in pairs)
        values = (value for (_, value), _ in pairs)
        return b"".join(map(bytes.__add__, heads, values)) + b"\0"

    return st.lists(st.tuples(fields, st.integers(1, 15)), max_size=6).map(encode)


def of_kind(kind, values):
    return st.tuples(st.just(kind), values)


SIMPLE = st.one_of(
    of_kind(thrift.TRUE, st.just(b"")),
    of_kind(thrift.BYTE, st.binary(min_size=1, max_size=1)),
    of_kind(thrift.I32, NUMBERS),
    of_kind(thrift.I64, NUMBERS),
    of_kind(thrift.DOUBLE, st.binary(min_size=8, max_size=8)),
    of_kind(thrift.BINARY, TEXTS),
    of_kind(thrift.LIST, list_of(thrift.I32, NUMBERS)),
    of_kind(thrift.LIST, list_of(thrift.BINARY, TEXTS)),
)
STRUCTURES = st.recursive(
    structure_of(SIMPLE),
    lambda inner: structure_of(
        SIMPLE
        | of_kind(thrift.STRUCTURE, inner)
        | of_kind(thrift.LIST, list_of(thrift.STRUCTURE, inner))
    ),
    max_leaves=8,
)


def end_of(encoded):
    try:
        return thrift.skip(encoded, 0, thrift.STRUCTURE)
    except (IndexError, MalformedInput) as error:
        return type(error)


def end_field_by_field(encoded):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(thrift, "_FLAT_STRUCTURE", NEVER)
        patch.setattr(thrift, "_FLAT_LIST", NEVER)
        return end_of(encoded)


@settings(max_examples=300)
@given(STRUCTURES)
def test_a_structure_is_skipped_to_its_end(encoded):
    assert end_of(encoded + b"\1") == end_field_by_field(encoded + b"\1") == len(encoded)


@settings(max_examples=300)
@given(STRUCTURES, st.binary(max_size=3), st.data())
def test_a_damaged_structure_ends_at_the_same_place_or_fails_alike(encoded, wrong, data):
    at = data.draw(st.integers(0, len(encoded)))
    damaged = encoded[:at] + wrong + encoded[at + len(wrong) :]
    assert end_of(damaged) == end_field_by_field(damaged)
