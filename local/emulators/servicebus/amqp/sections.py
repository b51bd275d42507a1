"""A message's sections (AMQP 1.0, part 3.2), found without reading what need not be read.

The bare message, from its properties to its footer, belongs to who sent it and is passed on
unchanged. Header and annotations belong to the network in between, that is, to the broker.
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
    """A message taken apart. `bare` keeps the bytes from the properties to the footer."""

    header: Header = field(default_factory=Header)
    delivery_annotations: dict[Value, Value] = field(default_factory=dict)
    annotations: dict[Value, Value] = field(default_factory=dict)
    properties: Properties = field(default_factory=Properties)
    bare: bytes = b""


def take_apart(message: bytes) -> Sections:
    """Raises DecodeError where the bytes are not a message."""
    sections = Sections()
    for code, begin, end in _spans(message):
        if code == Header.CODE:
            sections.header = Header.of(decode_whole(message[begin:end]))
        elif code == DELIVERY_ANNOTATIONS:
            sections.delivery_annotations = _map(message[begin:end])
        elif code == MESSAGE_ANNOTATIONS:
            sections.annotations = _map(message[begin:end])
        elif code == PROPERTIES:
            sections.properties = Properties.of(decode_whole(message[begin:end]))
    sections.bare = _from(message, PROPERTIES)
    return sections


def with_message_id(bare: bytes, properties: Properties, message_id: str) -> bytes:
    """The bare message with an id of its own, all else unchanged."""
    properties.message_id = message_id
    rest = _from(bare, APPLICATION_PROPERTIES)
    return encode(properties.described()) + rest


def with_application_properties(bare: bytes, changes: dict[str, Value]) -> bytes:
    """The bare message with these application properties set, the others unchanged."""
    before, after, current = b"", b"", dict[Value, Value]()
    at = 0
    for code, begin, end in _spans(bare):
        if code < APPLICATION_PROPERTIES:
            before += bare[at:end]
        elif code == APPLICATION_PROPERTIES:
            current = _map(bare[begin:end])
        else:
            after += bare[at:end]
        at = end
    return before + encode(Described(APPLICATION_PROPERTIES, {**current, **changes})) + after


def application_properties(message: bytes) -> dict[Value, Value]:
    """Raises DecodeError."""
    for code, begin, end in _spans(message):
        if code == APPLICATION_PROPERTIES:
            return _map(message[begin:end])
    return {}


def value_body(message: bytes) -> Value:
    """The value of a message whose body is one AMQP value; None where it has none."""
    for code, begin, end in _spans(message):
        if code == AMQP_VALUE:
            return decode_whole(message[begin:end])
    return None


def data_bodies(message: bytes) -> list[bytes]:
    """The data sections. In a batch each of them is an encoded message."""
    bodies = []
    for code, begin, end in _spans(message):
        if code == DATA:
            body = decode_whole(message[begin:end])
            if not isinstance(body, bytes):
                raise DecodeError("a data section is not binary")
            bodies.append(body)
    return bodies


def put_together(
    header: Header,
    delivery_annotations: dict[Symbol, Value],
    message_annotations: dict[Symbol, Value],
    bare: bytes,
) -> bytes:
    """The message as it goes to a receiver."""
    sections: Iterable[Described] = (
        header.described(),
        Described(DELIVERY_ANNOTATIONS, delivery_annotations),
        Described(MESSAGE_ANNOTATIONS, message_annotations),
    )
    return b"".join([*map(encode, sections), bare])


def request_response(properties: Properties, application: dict[str, Value], body: Value) -> bytes:
    """A bare message around one AMQP value, as requests and their replies are."""
    return b"".join(
        encode(section)
        for section in (
            properties.described(),
            Described(APPLICATION_PROPERTIES, application),
            Described(AMQP_VALUE, body),
        )
    )


def _spans(message: bytes) -> list[tuple[int, int, int]]:
    """Code, and begin and end of the value behind it, of each section.

    The specification orders sections; the Python SDK sends a footer before the body.
    """
    spans = []
    at = 0
    while at < len(message):
        if message[at] != 0x00:
            raise DecodeError("a message section begins without a descriptor")
        code, begin = decode(message, at + 1)
        if not isinstance(code, ULong) or not Header.CODE <= code <= FOOTER:
            raise DecodeError("a message has a section that AMQP does not know")
        at = skip(message, begin)
        spans.append((int(code), begin, at))
    return spans


def _from(message: bytes, lowest: int) -> bytes:
    """The message's sections of that code and higher ones, in the order in which they came."""
    kept, begin = [], 0
    for code, _, end in _spans(message):
        if code >= lowest:
            kept.append(message[begin:end])
        begin = end
    return b"".join(kept)


def _map(data: bytes) -> dict[Value, Value]:
    value = decode_whole(data)
    if not isinstance(value, dict):
        raise DecodeError("annotations and application properties are maps")
    return value
