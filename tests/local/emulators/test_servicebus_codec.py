"""The AMQP codec: every value survives a round trip, and invalid bytes raise decode errors."""

from __future__ import annotations

import decimal
import struct
import time
from uuid import UUID

import pytest
from azure.servicebus._pyamqp._decode import _decode_decimal128
from azure.servicebus._pyamqp._encode import encode_decimal128
from hypothesis import given
from hypothesis import strategies as st

from local.emulators.servicebus import message_conversion
from local.emulators.servicebus.amqp import frames, sections
from local.emulators.servicebus.amqp.decoding import (
    MAX_DEPTH,
    MAX_EMPTY_ELEMENTS,
    decode,
    decode_whole,
    skip,
)
from local.emulators.servicebus.amqp.encoding import encode
from local.emulators.servicebus.amqp.errors import AmqpError, DecodeError, FramingError
from local.emulators.servicebus.amqp.frames import FrameSplitter
from local.emulators.servicebus.amqp.performatives import Flow, Transfer
from local.emulators.servicebus.amqp.sections import Properties
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
)


def _whole(kind, bits, *, signed):
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    return st.integers(low, high).map(kind)


texts = st.text(st.characters(exclude_categories=["Cs"]))
by_type = {
    "ubyte": _whole(UByte, 8, signed=False),
    "ushort": _whole(UShort, 16, signed=False),
    "uint": _whole(UInt, 32, signed=False),
    "ulong": _whole(ULong, 64, signed=False),
    "byte": _whole(Byte, 8, signed=True),
    "short": _whole(Short, 16, signed=True),
    "int": _whole(Int, 32, signed=True),
    "long": _whole(int, 64, signed=True),
    "timestamp": _whole(Timestamp, 64, signed=True),
    "float": st.floats(width=32, allow_nan=False).map(Float),
    "double": st.floats(allow_nan=False),
    "boolean": st.booleans(),
    "char": st.characters(exclude_categories=["Cs"]).map(Char),
    "decimal": st.sampled_from([4, 8, 16]).flatmap(
        lambda size: st.binary(min_size=size, max_size=size).map(Decimal)
    ),
    "uuid": st.uuids(),
    "binary": st.binary(max_size=300),
    "string": texts,
    "symbol": st.text(st.characters(max_codepoint=127)).map(Symbol),
}
scalars = st.one_of(st.none(), *by_type.values())
arrays = st.one_of(
    *(
        st.lists(kind, max_size=300).map(Array)
        for name, kind in by_type.items()
        if name != "decimal"
    )
)
values = st.recursive(
    scalars | arrays,
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.text(max_size=5) | by_type["symbol"], inner, max_size=5)
        | st.builds(Described, by_type["ulong"] | by_type["symbol"], inner)
    ),
    max_leaves=20,
)


def _same(left, right):
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return len(left) == len(right) and all(
            _same(*pair)
            for one, other in zip(left.items(), right.items(), strict=True)
            for pair in zip(one, other, strict=True)
        )
    if isinstance(left, list):
        return len(left) == len(right) and all(map(_same, left, right))
    if isinstance(left, Described):
        return _same(left.descriptor, right.descriptor) and _same(left.value, right.value)
    return left == right


@given(values)
def test_what_is_encoded_decodes_to_the_same_value_of_the_same_type(value):
    assert _same(decode_whole(encode(value)), value)


@given(values, st.binary(max_size=20))
def test_a_value_is_skipped_to_where_decoding_ends(value, behind):
    data = encode(value) + behind
    assert skip(data, 0) == decode(data)[1] == len(data) - len(behind)


@given(values)
def test_a_value_cut_short_is_a_decode_error(value):
    data = encode(value)
    for end in range(min(len(data), 50)):
        with pytest.raises(DecodeError):
            decode_whole(data[:end])


@given(st.binary(max_size=200))
def test_any_bytes_are_a_value_or_a_decode_error(data):
    try:
        decode(data)
    except DecodeError:
        return


@pytest.mark.parametrize("code", [0x40, 0x41, 0x42, 0x43, 0x44, 0x45])
def test_an_array_of_elements_without_bytes_has_few(code):
    def array(count: int) -> bytes:
        return b"\xf0" + struct.pack(">IIB", 5, count, code)

    assert len(decode_whole(array(MAX_EMPTY_ELEMENTS))) == MAX_EMPTY_ELEMENTS < 100
    with pytest.raises(DecodeError, match="of no bytes"):
        decode_whole(array(MAX_EMPTY_ELEMENTS + 1))


def test_application_properties_before_many_bodies_are_changed_in_little_time():
    bodies = encode(Described(sections.DATA, b"")) * 300_000
    began = time.process_time()
    changed = sections.with_application_properties(bodies, {"a": 1})
    assert changed.endswith(bodies)
    assert time.process_time() - began < 5


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_a_decode_error(data):
    try:
        sections.split(data)
        sections.application_properties(data)
        sections.data_bodies(data)
        sections.value_body(data)
    except DecodeError:
        return


@given(st.binary(max_size=60))
def test_any_bytes_are_frames_or_an_amqp_error(data):
    splitter = FrameSplitter(65_536)
    splitter.feed(struct.pack(">IBBH", len(data) + 8, 2, 0, 0) + data)
    try:
        splitter.next_frame()
    except AmqpError:
        return


def test_nesting_deeper_than_the_limit_is_a_decode_error():
    value = 1
    for _ in range(MAX_DEPTH):
        value = [value]
    assert decode_whole(encode(value)) == value
    with pytest.raises(DecodeError, match="nested"):
        decode_whole(encode([value]))


def test_descriptors_nested_without_end_are_a_decode_error():
    with pytest.raises(DecodeError):
        decode(b"\x00" * 100_000)
    with pytest.raises(DecodeError):
        skip(b"\x00" * 100_000, 0)


@pytest.mark.parametrize("code", [0xD0, 0xD1, 0xF0])
def test_a_count_beyond_the_bytes_is_refused_before_memory_is_taken(code):
    with pytest.raises(DecodeError):
        decode(struct.pack(">BIIB", code, 5, 0xFFFF_FFFE, 0x40))


def test_an_empty_list_is_not_shared_between_values():
    decode_whole(b"\x45").append(1)
    assert decode_whole(b"\x45") == []


def test_a_type_that_amqp_lacks_is_a_type_error():
    with pytest.raises(TypeError, match="complex"):
        encode(1j)


@pytest.mark.parametrize(
    ("value", "data"),
    [
        # Examples of the specification and values whose widths are easily got wrong.
        (UInt(0), b"\x43"),
        (UInt(255), b"\x52\xff"),
        (UInt(256), b"\x70\x00\x00\x01\x00"),
        (-1, b"\x55\xff"),
        (128, b"\x81\x00\x00\x00\x00\x00\x00\x00\x80"),
        (True, b"\x41"),
        ("é", b"\xa1\x02\xc3\xa9"),
        (UUID(int=1), b"\x98" + b"\x00" * 15 + b"\x01"),
        ([], b"\x45"),
    ],
)
def test_values_have_their_smallest_encoding(value, data):
    assert encode(value) == data


@given(st.binary(max_size=100), st.integers(1, 30))
def test_frames_are_found_however_the_bytes_arrive(payload, size):
    transfer = Transfer(UInt(1), UInt(2), b"tag", UInt(0), more=False)
    sent = frames.frame(7, transfer, payload) * 3 + frames.HEARTBEAT
    splitter = FrameSplitter(65_536)
    found = []
    for at in range(0, len(sent), size):
        splitter.feed(sent[at : at + size])
        while (frame := splitter.next_frame()) is not None:
            found.append(frame)
    assert [frame.performative for frame in found] == [transfer] * 3 + [None]
    assert [frame.payload for frame in found] == [payload] * 3 + [b""]
    assert [frame.channel for frame in found] == [7, 7, 7, 0]


def test_a_frame_above_the_maximum_is_a_framing_error():
    splitter = FrameSplitter(512)
    splitter.feed(struct.pack(">IBBH", 513, 2, 0, 0))
    with pytest.raises(FramingError, match="513"):
        splitter.next_frame()


def test_a_field_of_the_wrong_type_is_a_decode_error():
    with pytest.raises(DecodeError, match="incoming_window"):
        Flow.of([None, "wide", UInt(0), UInt(0)])


def test_a_missing_mandatory_field_is_a_decode_error():
    with pytest.raises(DecodeError, match="handle"):
        Transfer.of([])


BODY = encode(Described(sections.DATA, b"body")) + encode(Described(sections.FOOTER, {}))
OLD = encode(Described(sections.APPLICATION_PROPERTIES, {"a": 1, "b": "x"}))


def test_a_message_id_is_added_and_all_else_kept():
    bare = encode(Properties(subject="s").described()) + OLD + BODY
    changed = sections.with_message_id(bare, sections.split(bare).properties, "id")
    parts = sections.split(changed)
    assert (parts.properties.message_id, parts.properties.subject) == ("id", "s")
    assert changed.endswith(OLD + BODY)


@pytest.mark.parametrize("before", [b"", encode(Properties(subject="s").described())])
def test_application_properties_are_changed_and_all_else_kept(before):
    changed = sections.with_application_properties(before + OLD + BODY, {"b": "y", "c": True})
    assert sections.application_properties(changed) == {"a": 1, "b": "y", "c": True}
    assert changed.startswith(before)
    assert changed.endswith(BODY)
    bare = sections.with_application_properties(before + BODY, {"c": 1})
    assert bare == before + encode(Described(sections.APPLICATION_PROPERTIES, {"c": 1})) + BODY


def test_sections_out_of_order_are_accepted():
    header = encode(sections.Header(durable=True).described())
    parts = sections.split(BODY + header + OLD)
    assert parts.header.durable
    assert parts.bare == BODY + OLD


def test_a_decimal_property_is_sent_as_service_bus_sends_it():
    sent = bytearray()
    encode_decimal128(sent, decimal.Decimal("-1.2345"))
    properties = {"price": Decimal(bytes(sent[1:])), "n": 1}
    bare = encode(Described(sections.APPLICATION_PROPERTIES, properties))
    draft = message_conversion.read_message(bare)
    found = sections.application_properties(draft.content)
    assert found["n"] == 1
    # The Python SDK reads its own encoding wrongly, and the service's rightly.
    _, value = _decode_decimal128(memoryview(found["price"].data))
    assert value == decimal.Decimal("-1.2345")
