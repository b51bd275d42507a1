"""A message as the platform passes it to an SDK-type binding: a lock token and AMQP bytes."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

from azurefunctions.extensions.base import SdkType

from triggers.service_bus_trigger import amqp_values

#: The lock token comes first, as .NET writes a GUID: little-endian.
LOCK_TOKEN_BYTES = 16

#: Each section of a message begins so. Its descriptor, one byte, follows.
_SECTION = b"\x00\x53"
#: Sections of a message (part 3.2 of the standard) that are not read.
_DELIVERY_ANNOTATIONS, _FOOTER = 0x71, 0x78


@dataclass(kw_only=True, slots=True)
class ReceivedMessage(SdkType):  # type: ignore[misc]
    """One delivery of a message. Absent texts are empty."""

    body: bytes = b""
    message_id: str = ""
    correlation_id: str = ""
    reply_to: str = ""
    session_id: str = ""
    content_type: str = ""
    application_properties: dict[str, Any] = field(default_factory=dict)
    #: 1 at the first delivery.
    delivery_count: int = 1
    sequence_number: int = 0
    #: When it came into the queue, in seconds since 1970; 0: not known.
    enqueued_at: float = 0.0
    lock_token: str = ""
    #: When its lock ends, in seconds since 1970; 0: not known.
    locked_until: float = 0.0
    #: Why its bytes can't be read. Only the lock token is known then.
    error: str = ""


def read_message(content: bytes) -> ReceivedMessage:
    """A message from the content of the platform's model binding data.

    The platform has increased the header's delivery count already.
    """
    message = ReceivedMessage()
    try:
        message.lock_token = str(UUID(bytes_le=content[:LOCK_TOKEN_BYTES]))
        _read_sections(content, LOCK_TOKEN_BYTES, message)
    except (ValueError, TypeError, ArithmeticError) as error:
        message.error = str(error)
    return message


def _read_sections(content: bytes, at: int, message: ReceivedMessage) -> None:
    parts: list[bytes] = []
    while at < len(content):
        if not content.startswith(_SECTION, at) or at + 3 >= len(content):
            raise ValueError(f"no section of an AMQP message at byte {at}")
        code = content[at + 2]
        if code in (_DELIVERY_ANNOTATIONS, _FOOTER):
            at = amqp_values.skip(content, at + 3)
        else:
            value, at = amqp_values.decode(content, at + 3)
            _set(message, code, value, parts)
    message.body = parts[0] if len(parts) == 1 else b"".join(parts)


def _set(message: ReceivedMessage, code: int, value: Any, parts: list[bytes]) -> None:
    match code, value:
        case (0x70, [_, _, _, _, int() as count, *_]):
            message.delivery_count = count
        case (0x70, list()):
            pass
        case (0x72, dict()):
            message.sequence_number = value.get("x-opt-sequence-number", 0)
            message.enqueued_at = value.get("x-opt-enqueued-time", 0) / 1000
            message.locked_until = value.get("x-opt-locked-until", 0) / 1000
        case (0x73, list()):
            _set_properties(message, value)
        case (0x74, dict()):
            message.application_properties = value
        case (0x75, bytes()):
            parts.append(value)
        case (0x76 | 0x77, _):
            parts.append(_body_of(value))
        case _:
            raise ValueError(f"section {code:#x} of an AMQP message holds another type")


def _set_properties(message: ReceivedMessage, values: list[Any]) -> None:
    values = values + [None] * (13 - len(values))
    message.message_id = _text(values[0])
    message.reply_to = _text(values[4])
    message.correlation_id = _text(values[5])
    message.content_type = _text(values[6])
    message.session_id = _text(values[10])


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return "" if value is None else str(value)


def _body_of(value: Any) -> bytes:
    """A body that is an AMQP value: bytes and text as they are, anything else as JSON."""
    if isinstance(value, bytes):
        return value
    return value.encode() if isinstance(value, str) else json.dumps(value, default=_plain).encode()


def _plain(value: Any) -> int | float | str:
    """A value as JSON has it. Raises ValueError for bytes that are no text."""
    if isinstance(value, Decimal):
        is_integer = value.as_tuple().exponent == 0
        return int(value) if is_integer else float(value)
    return bytes(value).decode()
