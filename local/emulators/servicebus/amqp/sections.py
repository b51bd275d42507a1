"""Splits messages into sections (AMQP 1.0, part 3.2), and decodes only those it needs.

The bare message (properties to footer) belongs to the sender and is passed on unchanged. Header and
annotations belong to the broker.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar

from local.emulators.servicebus.amqp.composites import Composite
from local.emulators.servicebus.amqp.decoding import decode, decode_whole, skip
from local.emulators.servicebus.amqp.encoding import encode
from local.emulators.servicebus.amqp.errors import DecodeError
from local.emulators.servicebus.amqp.values import Described, Symbol, UByte, UInt, ULong, Value

DELIVERY_ANNOTATIONS = ULong(0x71)
MESSAGE_ANNOTATIONS = ULong(0x72)
PROPERTIES = ULong(0x73)
APPLICATION_PROPERTIES = ULong(0x74)
DATA = ULong(0x75)
AMQP_VALUE = ULong(0x77)
FOOTER = ULong(0x78)


@dataclass(slots=True)
class Header(Composite):
    CODE: ClassVar = ULong(0x70)
    durable: bool | None = None
    priority: UByte | None = None
    #: Milliseconds.
    ttl: UInt | None = None
    first_acquirer: bool | None = None
    delivery_count: UInt | None = None


@dataclass(slots=True)
class Properties(Composite):
    CODE: ClassVar = PROPERTIES
    message_id: Any = None
    user_id: Any = None
    to: Any = None
    subject: Any = None
    reply_to: str | None = None
    correlation_id: Any = None
    content_type: Any = None
    content_encoding: Any = None
    absolute_expiry_time: Any = None
    creation_time: Any = None
    group_id: Any = None
    group_sequence: Any = None
    reply_to_group_id: Any = None


@dataclass(slots=True)
class Sections:
    """A split message. `bare` has the bytes from the properties to the footer."""

    header: Header = field(default_factory=Header)
    delivery_annotations: dict[Value, Value] = field(default_factory=dict)
    annotations: dict[Value, Value] = field(default_factory=dict)
    properties: Properties = field(default_factory=Properties)
    bare: bytes = b""
    #: The encoded application properties.
    application: bytes = b""


def split(message: bytes) -> Sections:
    """Raises DecodeError if the bytes are not a message."""
    sections = Sections()
    found = spans(message)
    for code, begin, end in found:
        if code == Header.CODE:
            sections.header = Header.of(decode_whole(message[begin:end]))
        elif code == DELIVERY_ANNOTATIONS:
            sections.delivery_annotations = _map(message[begin:end])
        elif code == MESSAGE_ANNOTATIONS:
            sections.annotations = _map(message[begin:end])
        elif code == PROPERTIES:
            sections.properties = Properties.of(decode_whole(message[begin:end]))
        elif code == APPLICATION_PROPERTIES:
            sections.application = message[begin:end]
    sections.bare = _from(message, PROPERTIES, found)
    return sections


def with_message_id(bare: bytes, properties: Properties, message_id: str) -> bytes:
    """The bare message with a message id set and everything else unchanged."""
    properties.message_id = message_id
    rest = _from(bare, APPLICATION_PROPERTIES, spans(bare))
    return encode(properties.described()) + rest


def with_application_properties(bare: bytes, changes: dict[str, Value]) -> bytes:
    """The bare message with these application properties set and the others unchanged."""
    before, after, current = list[bytes](), list[bytes](), dict[Value, Value]()
    at = 0
    for code, begin, end in spans(bare):
        if code == APPLICATION_PROPERTIES:
            current = _map(bare[begin:end])
        else:
            (before if code < APPLICATION_PROPERTIES else after).append(bare[at:end])
        at = end
    changed = encode(Described(APPLICATION_PROPERTIES, {**current, **changes}))
    return b"".join([*before, changed, *after])


def with_properties(bare: bytes, properties: Properties, application: dict[str, Value]) -> bytes:
    """The bare message with other properties, and the body and footer unchanged."""
    return b"".join(
        (
            encode(properties.described()),
            encode(Described(APPLICATION_PROPERTIES, application)),
            _from(bare, DATA, spans(bare)),
        )
    )


def application_properties(message: bytes) -> dict[Value, Value]:
    """Raises DecodeError."""
    for code, begin, end in spans(message):
        if code == APPLICATION_PROPERTIES:
            return _map(message[begin:end])
    return {}


def value_body(message: bytes) -> Value:
    """The body, if it is an AMQP value; else None."""
    for code, begin, end in spans(message):
        if code == AMQP_VALUE:
            return decode_whole(message[begin:end])
    return None


def data_bodies(message: bytes) -> list[bytes]:
    """The data sections. In a batch, each is an encoded message."""
    bodies = []
    for code, begin, end in spans(message):
        if code == DATA:
            body = decode_whole(message[begin:end])
            if not isinstance(body, bytes):
                raise DecodeError("a data section is not binary")
            bodies.append(body)
    return bodies


def join(
    header: Header,
    delivery_annotations: dict[Symbol, Value],
    message_annotations: dict[Symbol, Value],
    bare: bytes,
) -> bytes:
    """The message as a receiver gets it."""
    sections: Iterable[Described] = (
        header.described(),
        Described(DELIVERY_ANNOTATIONS, delivery_annotations),
        Described(MESSAGE_ANNOTATIONS, message_annotations),
    )
    return b"".join([*map(encode, sections), bare])


def request_response(properties: Properties, application: dict[str, Value], body: Value) -> bytes:
    """A bare message with an AMQP value as its body: a request or a reply."""
    return b"".join(
        encode(section)
        for section in (
            properties.described(),
            Described(APPLICATION_PROPERTIES, application),
            Described(AMQP_VALUE, body),
        )
    )


def spans(message: bytes) -> list[tuple[int, int, int]]:
    """Each section's code, and the offsets of its value's begin and end.

    Sections have a specified order, but the Python SDK sends a footer before the body.
    """
    found = []
    at = 0
    while at < len(message):
        if message[at] != 0x00:
            raise DecodeError("a message section has no descriptor")
        code, begin = decode(message, at + 1)
        if not isinstance(code, ULong) or not Header.CODE <= code <= FOOTER:
            raise DecodeError("a message has an unknown section")
        at = skip(message, begin)
        found.append((int(code), begin, at))
    return found


def _from(message: bytes, lowest: int, found: list[tuple[int, int, int]]) -> bytes:
    """The sections with that code or a higher one, in their original order."""
    kept, begin = [], 0
    for code, _, end in found:
        if code >= lowest:
            kept.append(message[begin:end])
        begin = end
    return b"".join(kept)


def _map(data: bytes) -> dict[Value, Value]:
    value = decode_whole(data)
    if not isinstance(value, dict):
        raise DecodeError("annotations and application properties must be maps")
    return value
