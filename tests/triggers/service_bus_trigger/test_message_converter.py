"""Messages as the platform passes them, in both of its forms."""

from __future__ import annotations

import json
import time
import uuid
from types import SimpleNamespace
from typing import Any

import pytest
from azurefunctions.extensions.base import Datum
from hypothesis import given
from hypothesis import strategies as st

from local.emulators.servicebus.amqp.encoding import encode
from local.emulators.servicebus.amqp.sections import (
    AMQP_VALUE,
    APPLICATION_PROPERTIES,
    DATA,
    DELIVERY_ANNOTATIONS,
    FOOTER,
    MESSAGE_ANNOTATIONS,
    Header,
    Properties,
)
from local.emulators.servicebus.amqp.values import (
    Array,
    Char,
    Decimal,
    Described,
    Float,
    Int,
    Short,
    Symbol,
    Timestamp,
    UInt,
    ULong,
)
from triggers.service_bus_trigger.message_converter import MessageConverter
from triggers.service_bus_trigger.received_message import ReceivedMessage, read_message

TOKEN = uuid.UUID(int=0x2F6E9D3C5A7B4C1D8E9F0A1B2C3D4E5F)


def decode(kind: str, value: Any, metadata: dict[str, Datum] | None = None) -> list[Any]:
    read: list[Any] = MessageConverter.decode(
        Datum(value, kind), trigger_metadata=metadata or {}, pytype=None
    )
    return read


def read(*sections: Described, tail: bytes = b"") -> ReceivedMessage:
    content = TOKEN.bytes_le + b"".join(map(encode, sections)) + tail
    batch = SimpleNamespace(model_binding_data=[SimpleNamespace(content=content)])
    (message,) = decode("collection_model_binding_data", batch)
    assert isinstance(message, ReceivedMessage)
    return message


def test_a_message_brings_all_its_own_properties() -> None:
    message = read(
        Header(durable=True, ttl=UInt(1000), delivery_count=UInt(3)).described(),
        Described(DELIVERY_ANNOTATIONS, {Symbol("x-opt-lock-token"): TOKEN}),
        Described(
            MESSAGE_ANNOTATIONS,
            {
                Symbol("x-opt-enqueued-time"): Timestamp(1_700_000_000_000),
                Symbol("x-opt-sequence-number"): 70_000_000_000,
            },
        ),
        Properties(
            message_id="m",
            correlation_id="c",
            reply_to="r",
            content_type=Symbol("text/csv"),
            group_id="s",
        ).described(),
        Described(APPLICATION_PROPERTIES, {"content_encoding": "gzip", "n": Int(-5)}),
        Described(DATA, b"one"),
        Described(DATA, b"two"),
        Described(FOOTER, {Symbol("f"): 1}),
    )
    assert message == ReceivedMessage(
        body=b"onetwo",
        message_id="m",
        correlation_id="c",
        reply_to="r",
        session_id="s",
        content_type="text/csv",
        application_properties={"content_encoding": "gzip", "n": -5},
        delivery_count=3,
        sequence_number=70_000_000_000,
        enqueued_at=1_700_000_000.0,
        lock_token=str(TOKEN),
    )


def test_absent_sections_are_empty_or_their_default() -> None:
    assert read() == ReceivedMessage(lock_token=str(TOKEN))


@pytest.mark.parametrize(
    ("value", "got"),
    [
        *((True, True), (False, False), (None, None), (0, 0), (-1, -1), (2**40, 2**40)),
        *((UInt(0), 0), (UInt(70_000), 70_000), (ULong(0), 0), (ULong(2**60), 2**60)),
        *((Short(-300), -300), (Int(-70_000), -70_000), (Float(0.5), 0.5), (1.25, 1.25)),
        *((Char("é"), "é"), (Timestamp(-1), -1), ("x" * 300, "x" * 300), (b"\xff", b"\xff")),
        *(([1, "a", []], [1, "a", []]), ({"a": {1: None}}, {"a": {1: None}})),
        (TOKEN, str(TOKEN)),
        (list(range(200)), list(range(200))),
        *((Array([Int(1), Int(-2)]), [1, -2]), (Array([0.5] * 100), [0.5] * 100)),
        (Described(Symbol("com.microsoft:uri"), "http://a"), "http://a"),
    ],
    ids=repr,
)
def test_every_type_of_a_property_is_read(value: Any, got: Any) -> None:
    properties = read(Described(APPLICATION_PROPERTIES, {"p": value})).application_properties
    assert properties == {"p": got}


def decimal128(exponent: int, coefficient: int, *, negative: bool = False) -> Decimal:
    """As IEEE 754 says, with a binary coefficient."""
    return Decimal((negative << 127 | (exponent + 6176) << 113 | coefficient).to_bytes(16))


def service_bus_decimal(scale: int, coefficient: int, *, negative: bool = False) -> Decimal:
    """As Azure's SDKs and Service Bus write one."""
    exponent = 6176 - scale
    head = (negative << 7 | exponent >> 9, (exponent & 0x7F) << 1, 0, 0)
    return Decimal(bytes(head) + coefficient.to_bytes(12))


@pytest.mark.parametrize(
    ("value", "number"),
    [
        *((decimal128(0, 7), "7"), (decimal128(-2, 1234, negative=True), "-12.34")),
        *((service_bus_decimal(0, 7), "7"), (service_bus_decimal(28, 2**96 - 1), None)),
        (service_bus_decimal(2, 1234, negative=True), "-12.34"),
        *(
            (Decimal(bytes.fromhex("32800007")), "7"),
            (Decimal(bytes.fromhex("b20004d2")), "-123.4"),
        ),
        (Decimal(bytes.fromhex("31c00000000004d2")), "1234"),
        (Decimal(bytes.fromhex("6cb89680")), "10000000"),
    ],
    ids=repr,
)
def test_a_decimal_of_any_width_is_its_number(value: Any, number: str | None) -> None:
    exact = number or "7.9228162514264337593543950335"
    properties = read(Described(APPLICATION_PROPERTIES, {"p": value})).application_properties
    assert str(properties["p"]) == exact
    body = json.loads(read(Described(AMQP_VALUE, [value])).body)
    assert body == [float(exact)]


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (Decimal(b"\x78" + bytes(15)), "not finite"),
        (Decimal(b"\x5f\xfe" + b"\0" * 13 + b"\1"), "exponent"),
        ([b"\xff"], "decode"),
    ],
    ids=repr,
)
def test_a_value_that_json_can_not_hold_is_an_error_and_never_another_value(
    value: Any, says: str
) -> None:
    message = read(Described(AMQP_VALUE, value))
    assert says in message.error
    assert message.body == b""


def test_an_array_of_a_few_bytes_can_not_stand_for_millions_of_values() -> None:
    message = read(tail=b"\x00\x53\x77\xf0\x00\x00\x00\x05\xff\xff\xff\xff\x40")
    assert "elements" in message.error


def test_an_element_ends_with_its_list_and_is_decoded_once() -> None:
    value = b"\x40" * 0xA004
    for _ in range(7):  # a list of two bytes, whose element claims all that follows
        value = b"\xc0\x02\x00\xd0\x00\x00\xa0\x00" + value
    value = b"\xd0" + (len(value) + 4).to_bytes(4) + bytes(4) + value
    began = time.process_time()
    message = read(tail=b"\x00\x53\x77" + value)
    assert "cut off" in message.error
    assert time.process_time() - began < 0.5


@pytest.mark.parametrize(
    ("value", "body"),
    [
        ("text é", "text é".encode()),
        (b"\xff", b"\xff"),
        ({"data": [[1, b"a"]]}, None),
        (7, b"7"),
        ([Array([1.5, 2.5])], b"[[1.5, 2.5]]"),
    ],
)
def test_a_body_that_is_an_amqp_value_is_text_bytes_or_json(value: Any, body: bytes | None) -> None:
    got = read(Described(AMQP_VALUE, value)).body
    assert got == (b'{"data": [[1, "a"]]}' if body is None else body)


@pytest.mark.parametrize(
    "message_id",
    [TOKEN, ULong(17), b"raw"],
)
def test_a_message_id_of_any_type_is_a_text(message_id: Any) -> None:
    read_id = read(Properties(message_id=message_id).described()).message_id
    assert read_id == {TOKEN: str(TOKEN), 17: "17", b"raw": "raw"}[message_id]


@pytest.mark.parametrize(
    "tail",
    [
        b"\x00",
        b"\x00\x53\x75",
        b"\x00\x53\x75\xa0\x09short",
        b"\x00\x53\x75\x40",
        b"\x00\x53\x74\xc1\x03\x02\xa1",
        b"\x00\x53\x77\xa1\x01\xff",
        b"\x00\x53\x77\x99",
        b"\x00\x53\x77" + b"\x00\x44" * 40 + b"\x40",
        b"garbage",
    ],
    ids=repr,
)
def test_what_is_no_message_is_an_error_of_this_message_alone(tail: bytes) -> None:
    message = read(Properties(message_id="m").described(), tail=tail)
    assert message.error
    assert message.message_id == "m"
    assert message.lock_token == str(TOKEN)


def whole() -> bytes:
    sections = (
        Header(delivery_count=UInt(2)).described(),
        Described(MESSAGE_ANNOTATIONS, {Symbol("x-opt-locked-until"): Timestamp(5)}),
        Properties(message_id="m", correlation_id=TOKEN).described(),
        Described(APPLICATION_PROPERTIES, {"c": Char("é"), "l": [1, {"a": 2.5}]}),
        Described(AMQP_VALUE, {"data": [[1, 2]]}),
    )
    return TOKEN.bytes_le + b"".join(map(encode, sections))


@given(st.binary(max_size=60))
def test_no_bytes_fail_the_batch(content: bytes) -> None:
    assert isinstance(read_message(content), ReceivedMessage)
    assert isinstance(read_message(TOKEN.bytes_le + content), ReceivedMessage)


@given(st.integers(0, len(whole()) - 1), st.integers(0, 255), st.booleans())
def test_no_damaged_message_fails_the_batch(at: int, byte: int, is_cut: bool) -> None:
    damaged = bytearray(whole())
    damaged[at] = byte
    assert isinstance(read_message(bytes(damaged[:at] if is_cut else damaged)), ReceivedMessage)


def arrays(**columns: Any) -> dict[str, Datum]:
    def datum(value: Any) -> Datum:
        if isinstance(value, str):
            return Datum(value, "json")
        if isinstance(value[0], int):
            return Datum(SimpleNamespace(sint64=value), "collection_sint64")
        return Datum(SimpleNamespace(string=value), "collection_string")

    return {f"{name}Array": datum(value) for name, value in columns.items()}


def test_a_platform_that_passes_arrays_is_understood_but_no_shifted_one() -> None:
    metadata = arrays(
        MessageId=["a", "b"],
        ContentType=["text/csv"],
        SequenceNumber=[1, 2],
        DeliveryCount=json.dumps([1, 4]),
        ApplicationProperties=json.dumps([{}, {"content_type": "text/json"}]),
    )
    first, second = decode("collection_bytes", SimpleNamespace(bytes=[b"1", b"2"]), metadata)
    assert first == ReceivedMessage(body=b"1", message_id="a", sequence_number=1)
    assert second == ReceivedMessage(
        body=b"2",
        message_id="b",
        sequence_number=2,
        delivery_count=4,
        application_properties={"content_type": "text/json"},
    )


def test_anything_else_is_refused() -> None:
    with pytest.raises(ValueError, match="expected messages"):
        decode("string", "x")
