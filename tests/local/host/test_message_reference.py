"""Messages as SDK types get them: whatever a sender put into one, it fails no batch."""

from __future__ import annotations

import uuid
from typing import Any, cast

import pytest

from local.emulators.servicebus.amqp.encoding import encode
from local.emulators.servicebus.amqp.sections import (
    AMQP_VALUE,
    APPLICATION_PROPERTIES,
    DATA,
    DELIVERY_ANNOTATIONS,
    MESSAGE_ANNOTATIONS,
    Header,
    Properties,
)
from local.emulators.servicebus.amqp.values import (
    Decimal,
    Described,
    Symbol,
    Timestamp,
    UInt,
    ULong,
)
from local.host.amqp_client.receiving_link import Delivery, ReceivingLink
from local.host.service_bus_listener.incoming_message import IncomingMessage
from local.host.service_bus_listener.message_reference import single_reference
from triggers.service_bus_trigger.received_message import ReceivedMessage, read_message

TOKEN = uuid.UUID(int=0x2F6E9D3C5A7B4C1D8E9F0A1B2C3D4E5F)


def passed_on(*sections: Described, raw: bytes = b"") -> ReceivedMessage:
    """What the app reads of a message that the listener has received."""
    whole = (
        Header(delivery_count=UInt(2)).described(),
        Described(DELIVERY_ANNOTATIONS, {Symbol("x-opt-lock-token"): TOKEN}),
        Described(
            MESSAGE_ANNOTATIONS,
            {Symbol("x-opt-sequence-number"): 9, Symbol("x-opt-locked-until"): Timestamp(5000)},
        ),
        *sections,
    )
    content = b"".join(map(encode, whole)) + raw
    message = IncomingMessage(Delivery(0, TOKEN.bytes_le, content), cast(ReceivingLink, None))
    return read_message(single_reference(message).model_binding_data.content)


def test_a_message_is_the_same_and_counts_this_delivery() -> None:
    properties = Properties(
        message_id="m", correlation_id="c", reply_to="r", content_type=Symbol("a/b"), group_id="s"
    )
    message = passed_on(
        properties.described(),
        Described(APPLICATION_PROPERTIES, {"text": "t", "n": 3, "none": None}),
        Described(DATA, b"\xff"),
    )
    assert message == ReceivedMessage(
        body=b"\xff",
        message_id="m",
        correlation_id="c",
        reply_to="r",
        session_id="s",
        content_type="a/b",
        application_properties={"text": "t", "n": 3, "none": None},
        delivery_count=3,
        sequence_number=9,
        lock_token=str(TOKEN),
        locked_until=5.0,
    )


@pytest.mark.parametrize(
    ("value", "got"),
    [
        *((2**64 - 1, 2**64 - 1), (-(2**62), -(2**62)), (1.5, 1.5), (TOKEN, str(TOKEN))),
        *((b"\xff", b"\xff"), ([1, "a"], [1, "a"]), (True, True), ({"a": 1}, {"a": 1})),
    ],
    ids=repr,
)
def test_a_property_of_any_type_is_passed_on(value: Any, got: Any) -> None:
    sent = ULong(value) if isinstance(value, int) and value > 2**63 else value
    assert passed_on(Described(APPLICATION_PROPERTIES, {"p": sent})).application_properties == {
        "p": got
    }


def test_a_decimal_fails_nothing() -> None:
    sent = Described(APPLICATION_PROPERTIES, {"p": Decimal(bytes(16))})
    assert passed_on(sent).error == ""


def test_a_content_type_that_is_not_ascii_is_passed_on() -> None:
    # A properties section of 7 fields, six of them null, and a symbol in UTF-8.
    odd = "é/x".encode()
    fields = b"\x40" * 6 + b"\xa3%c%b" % (len(odd), odd)
    raw = b"\x00\x53\x73\xc0%c\x07%b" % (len(fields) + 1, fields)
    assert passed_on(raw=raw).content_type == "é/x"


@pytest.mark.parametrize(
    ("value", "body"), [("text", b"text"), ({"a": [1]}, b'{"a": [1]}'), (b"\xff", b"\xff")]
)
def test_a_body_that_is_a_value_stays_one(value: Any, body: bytes) -> None:
    assert passed_on(Described(AMQP_VALUE, value)).body == body
