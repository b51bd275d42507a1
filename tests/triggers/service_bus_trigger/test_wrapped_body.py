"""Bodies as .NET's DataContractSerializer writes them, byte for byte."""

from __future__ import annotations

import dataclasses

import pytest

from inference.errors import MalformedInput
from tests.triggers.service_bus_trigger.test_service_bus_blueprint import (
    ROW,
    documents,
    handler,  # noqa: F401 - a fixture
    message,
)
from triggers.service_bus_trigger.wrapped_body import NAMESPACE, unwrap


def wrapped(name: bytes, records: bytes, namespace: bytes = NAMESPACE) -> bytes:
    return b"@%c%b\x08%c%b%b" % (len(name), name, len(namespace), namespace, records)


@pytest.mark.parametrize(
    ("body", "content"),
    [
        (wrapped(b"string", b"\x99\x03abc"), b"abc"),
        (wrapped(b"string", b"\x9b\x04\x01" + b"a" * 260), b"a" * 260),
        (wrapped(b"string", b"\x9d\x00\x00\x01\x00" + b"a" * 65_536), b"a" * 65_536),
        (wrapped(b"string", b"\x98\x02ab\x99\x01c"), b"abc"),
        (wrapped(b"string", b"\x98\x02ab\x01"), b"ab"),
        (wrapped(b"string", b"\xa9"), b""),
        (wrapped(b"base64Binary", b"\x9e\x02\xff\x00\x9f\x01\x01"), b"\xff\x00\x01"),
        (wrapped(b"base64Binary", b"\xa1\x04\x01" + b"\xfe" * 260), b"\xfe" * 260),
        (b'<string xmlns="%b">a &lt; b</string>' % NAMESPACE, b"a < b"),
    ],
    ids=lambda body: repr(body[:12]) + repr(body[-12:]),
)
def test_a_wrapped_body_is_read(body: bytes, content: bytes) -> None:
    assert unwrap(body) == content


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"@", b"@\x06", b"@\x06string", b'{"data": []}', b"<string>a</string>"),
        *(b"@\xff" + b"a" * 300, b"@\x01a\x08\x05other", b"a,b\n1,2\n", b"@home,1\n"),
    ],
)
def test_any_other_body_stays_as_it_is(body: bytes) -> None:
    assert unwrap(body) == body


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (wrapped(b"Order", b"\x01", b"http://schemas.datacontract.org/2004/07/Shop"), "Order"),
        (wrapped(b"int", b"\x89\x07"), r"\.NET object \(int\)"),
        (wrapped(b"string", b"\x99\x09abc"), "cut off"),
        (wrapped(b"string", b"\x77abc"), "record 0x77"),
    ],
)
def test_an_object_and_a_damaged_body_say_what_they_are(body: bytes, says: str) -> None:
    with pytest.raises(MalformedInput, match=says):
        unwrap(body)


async def test_a_wrapped_message_is_scored_and_an_object_ends_in_a_failed_document(handler) -> None:  # noqa: F811 - the fixture
    text, number = await documents(
        handler,
        message(wrapped(b"string", b"\x99%c%b" % (len(ROW), ROW))),
        message(wrapped(b"int", b"\x89\x07"), name="m2"),
    )
    assert text["result"] == [1]
    assert (number["status"], number["error"]["code"]) == ("failed", "malformed_input")


async def test_a_document_repeats_the_ids_that_its_message_has(handler) -> None:  # noqa: F811 - the fixture
    own = message()
    full = dataclasses.replace(own, message_id="m2", correlation_id="c", reply_to="q", body=b"{")
    lone = dataclasses.replace(own, message_id="", correlation_id="c3")
    ids = ("message_id", "correlation_id", "reply_to")
    first, second, third = await documents(handler, own, full, lone)
    assert [first.get(name) for name in ids] == ["m1", None, None]
    assert [second.get(name) for name in ids] == ["m2", "c", "q"]
    assert [third.get(name) for name in ids] == [None, "c3", None]
    assert third["id"] == "sequence-7"
