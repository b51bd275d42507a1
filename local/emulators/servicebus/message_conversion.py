"""Converts messages between AMQP's encoding and the broker's classes."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from local.emulators.servicebus import decimal_properties, property_limits
from local.emulators.servicebus.amqp import sections
from local.emulators.servicebus.amqp.decoding import decode, decode_whole
from local.emulators.servicebus.amqp.encoding import encode
from local.emulators.servicebus.amqp.errors import DecodeError
from local.emulators.servicebus.amqp.sections import Header, Properties
from local.emulators.servicebus.amqp.values import Int, Symbol, Timestamp, UByte, UInt, Value
from local.emulators.servicebus.broker.message import (
    DEFAULT_PRIORITY,
    DeadLetter,
    Draft,
    Message,
    State,
)
from local.emulators.servicebus.property_conversion import dead_letter_properties

#: A transfer whose data sections are encoded messages.
BATCH_FORMAT = 0x80013700

SCHEDULED_TIME = Symbol("x-opt-scheduled-enqueue-time")

_MAX_UINT = 0xFFFF_FFFF

#: Set by the broker; a sender's own values are dropped.
_SET_BY_BROKER = {
    "x-opt-sequence-number",
    "x-opt-enqueue-sequence-number",
    "x-opt-enqueued-time",
    "x-opt-locked-until",
    "x-opt-lock-token",
    "x-opt-message-state",
    "x-opt-deadletter-source",
}


def read_transfer(message: bytes, message_format: int | None) -> list[Draft]:
    """The messages of a transfer: one, or a batch. Raises DecodeError."""
    if message_format == BATCH_FORMAT:
        return [read_message(body) for body in sections.data_bodies(message)]
    return [read_message(message)]


def read_message(message: bytes) -> Draft:
    """Raises DecodeError, and AmqpError for properties that are too large."""
    parts = sections.split(message)
    header, annotations = parts.header, parts.annotations
    scheduled = annotations.get(SCHEDULED_TIME)
    if scheduled is not None and not isinstance(scheduled, Timestamp):
        raise DecodeError(f"{SCHEDULED_TIME} is not a timestamp")
    message_id, bare = parts.properties.message_id, parts.bare
    if message_id is None:
        # SDKs cannot settle a message without an id.
        message_id = uuid4().hex
        bare = sections.with_message_id(bare, parts.properties, message_id)
    property_limits.require_small(parts.application)
    if decimal_properties.CONSTRUCTOR in parts.application:
        bare = decimal_properties.convert(bare)
    return Draft(
        message_id=_text(message_id),
        content=bare,
        annotations=_encode_annotations(annotations, parts.delivery_annotations),
        durable=bool(header.durable),
        priority=DEFAULT_PRIORITY if header.priority is None else int(header.priority),
        ttl_ms=_time_to_live_ms(header, parts.properties),
        scheduled_ms=None if scheduled is None else int(scheduled),
        session_id=_session_id(parts.properties.group_id),
    )


def encode_delivery(
    message: Message, token: UUID | None = None, until_ms: int | None = None
) -> bytes:
    """The message as a receiver gets it; with a lock's token and end, if it is locked."""
    draft, sequence = message.draft, message.sequence
    annotations, of_delivery = _decode_annotations(draft.annotations)
    annotations[Symbol("x-opt-sequence-number")] = sequence
    annotations[Symbol("x-opt-enqueued-time")] = Timestamp(message.enqueued_ms)
    if message.state is not State.ACTIVE:
        annotations[Symbol("x-opt-message-state")] = Int(message.state)
    if draft.enqueued_sequence is not None:
        annotations[Symbol("x-opt-enqueue-sequence-number")] = draft.enqueued_sequence
    if draft.dead_letter_source is not None:
        annotations[Symbol("x-opt-deadletter-source")] = draft.dead_letter_source
    if until_ms is not None:
        annotations[Symbol("x-opt-locked-until")] = Timestamp(until_ms)
    # Service Bus leaves out what has its default.
    header = Header(
        durable=draft.durable or None,
        priority=None if draft.priority == DEFAULT_PRIORITY else UByte(draft.priority),
        ttl=None if draft.ttl_ms is None else UInt(min(draft.ttl_ms, _MAX_UINT)),
        delivery_count=UInt(message.delivery_count),
    )
    if token is not None:
        of_delivery[Symbol("x-opt-lock-token")] = token
    return sections.join(header, of_delivery, annotations, _content(draft.content, message.dead))


def _encode_annotations(annotations: dict[Value, Value], of_delivery: dict[Value, Value]) -> bytes:
    """Both maps encoded, without the broker's own keys; empty if both maps are.

    In AMQP, delivery annotations are for the next hop only, but Service Bus passes them on.
    """
    first, second = (
        {key: value for key, value in each.items() if key not in _SET_BY_BROKER}
        for each in (annotations, of_delivery)
    )
    if second:
        return encode(first) + encode(second)
    return encode(first) if first else b""


def _decode_annotations(packed: bytes) -> tuple[dict[Symbol, Any], dict[Symbol, Any]]:
    annotations, end = decode(packed) if packed else ({}, 0)
    return annotations, decode_whole(packed[end:]) if end < len(packed) else {}


def _content(content: bytes, dead: DeadLetter | None) -> bytes:
    """The bare message. A dead-lettered one has the reason in its application properties."""
    changes = dead_letter_properties(dead) if dead else {}
    return sections.with_application_properties(content, changes) if changes else content


def _time_to_live_ms(header: Header, properties: Properties) -> int | None:
    """The header has at most 49 days; a longer time is the difference of two properties."""
    if header.ttl is None:
        return None
    expiry, creation = properties.absolute_expiry_time, properties.creation_time
    if header.ttl == _MAX_UINT and isinstance(expiry, int) and isinstance(creation, int):
        return max(_MAX_UINT, expiry - creation)
    return int(header.ttl)


def _session_id(group_id: object) -> str | None:
    if group_id is not None and not isinstance(group_id, str):
        raise DecodeError("the group id (the session's id) is not a string")
    return group_id


def _text(message_id: object) -> str:
    """One text for each message id, so that ids of different types stay different."""
    if isinstance(message_id, str):
        return message_id
    return f"{type(message_id).__name__}:{message_id!r}"
