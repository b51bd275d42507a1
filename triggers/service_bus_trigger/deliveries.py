"""Reads the messages of a batch as requests. A message that can't be read affects no other one."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from inference.errors import InternalError, ScoringError
from inference.request import Request
from inference.results.stored_result import fingerprint
from inference.tracebacks import format_error
from triggers import envelope
from triggers.service_bus_trigger import claims, wrapped_body
from triggers.service_bus_trigger.isolation import FROM_DELIVERY
from triggers.service_bus_trigger.received_message import ReceivedMessage

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery of a message, as a request."""

    request: Request
    #: It was delivered before.
    redelivered: bool = False
    #: Its process may have ended because of it.
    is_suspect: bool = False
    #: The broker dead-letters the message if this delivery ends without a result.
    is_last: bool = False
    #: The batch holds the same request already.
    is_duplicate: bool = False
    #: The message's text, if HTTP enqueued the request.
    packed: str = ""
    #: The name of the blob that has the rows, if the message names one. The request's body is the
    #: claim then.
    claim: str = ""
    #: Why the message can't be read.
    error: ScoringError | None = None
    #: When the message came into the queue, in seconds since 1970; 0: not known.
    enqueued_at: float = 0.0
    #: 1 at the first delivery.
    count: int = 1


def read_batch(
    messages: Sequence[ReceivedMessage], *, max_delivery_count: int
) -> Iterator[Delivery]:
    """Each message of a batch, in order."""
    seen: set[tuple[str, bytes]] = set()
    for message in messages:
        redelivered = message.delivery_count > 1
        suspect = message.delivery_count >= FROM_DELIVERY
        is_last = message.delivery_count >= max_delivery_count
        try:
            request, packed, claim = _read(message)
        except Exception as error:  # noqa: BLE001 - it ends this message alone
            request = Request(
                id=_id(message),
                source="servicebus",
                body=b"",
                references=_references(message),
                deadline=math.inf,
            )
            if not isinstance(error, ScoringError):
                log.error("request %r can't be read: %s", request.id, format_error(error))
                error = InternalError(type(error).__name__)
            yield Delivery(
                *(request, redelivered, suspect, is_last), error=error, count=message.delivery_count
            )
            continue
        is_duplicate = False
        if packed:
            # A sender who enqueued a request twice is owed one document.
            key = (request.id, fingerprint(request))
            is_duplicate = key in seen
            seen.add(key)
        yield Delivery(
            *(request, redelivered, suspect, is_last, is_duplicate, packed, claim),
            enqueued_at=message.enqueued_at,
            count=message.delivery_count,
        )


def _read(message: ReceivedMessage) -> tuple[Request, str, str]:
    """The request, the message's text if HTTP enqueued it, and the blob that it names."""
    if message.error:
        raise ValueError(message.error)
    request = envelope.unpack(message.body)
    if request is not None:
        return request, message.body.decode(), ""
    body = wrapped_body.unwrap(message.body)
    properties = {
        str(name).lower(): str(value) for name, value in message.application_properties.items()
    }
    content_type = properties.get("content_type") or message.content_type
    claim = claims.find_name(properties, body)
    if claim is not None:
        # The message's own content type is that of its body.
        body, content_type = claims.make_body(claim), properties.get("content_type", "")
    if "content_encoding" in properties:
        properties.setdefault("content-encoding", properties["content_encoding"])
    properties["x-message-id"] = _id(message)
    request = Request(
        id=_id(message),
        source="servicebus",
        body=body,
        content_type=content_type,
        headers=properties,
        references=_references(message),
        deadline=math.inf,
    )
    return request, "", claim or ""


def _references(message: ReceivedMessage) -> dict[str, str]:
    """What a sender may look for in the result document."""
    ids = {
        "message_id": message.message_id,
        "correlation_id": message.correlation_id,
        "reply_to": message.reply_to,
        "session_id": message.session_id,
    }
    return {name: text for name, text in ids.items() if text}


def _id(message: ReceivedMessage) -> str:
    if message.message_id:
        return message.message_id
    return f"sequence-{message.sequence_number}" if message.sequence_number else message.lock_token
