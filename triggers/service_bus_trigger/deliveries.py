"""Messages of a batch as requests, each by itself: what can't be read spoils no other."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import azure.functions as func

from inference import tracebacks
from inference.errors import InternalError, ScoringError
from inference.request import Request
from inference.results.stored_result import fingerprint
from inference.rows import media_types
from triggers import envelope

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message as a request."""

    request: Request
    #: Whether it was delivered before.
    again: bool = False
    #: Whether the broker gives it up if this delivery ends without a result.
    last: bool = False
    #: Whether the same batch holds the same request already.
    copy: bool = False
    #: The message's own text, where HTTP sealed a request in it.
    sealed: str = ""
    #: Why it can't be read as a request.
    unread: ScoringError | None = None


def deliveries(
    messages: Sequence[func.ServiceBusMessage], *, max_delivery_count: int
) -> Iterator[Delivery]:
    """Each message of a batch, in order."""
    told = [str(message.content_type or "") for message in messages]
    # The platform leaves absent content types out of its list, so that with one of them missing
    # the others may stand beside messages that are not theirs.
    apart = all(told)
    only = max(told) if len({kind for kind in told if kind}) == 1 else ""
    sealed: set[tuple[str, bytes]] = set()
    for message, own in zip(messages, told, strict=True):
        tries = message.delivery_count
        tries = tries if isinstance(tries, int) else 1
        again, last = tries > 1, tries >= max_delivery_count
        try:
            body = _body(message)
            if request := envelope.open_sealed(body):
                # Of two messages that HTTP sealed with one request, one is owed a document.
                mark = (request.id, fingerprint(request))
                yield Delivery(request, again, last, copy=mark in sealed, sealed=body.decode())
                sealed.add(mark)
            else:
                yield Delivery(_request(message, body, own if apart else "", only), again, last)
        except Exception as error:  # noqa: BLE001 - of this message alone
            kind, name = type(error).__name__, _name(message)
            log.error("message %r can't be read: %s", name, tracebacks.format_error(error))
            request = Request(id=name, source="servicebus", body=b"", deadline=math.inf)
            yield Delivery(request, again, last, unread=InternalError(kind))


def _request(message: func.ServiceBusMessage, body: bytes, own: str, only: str) -> Request:
    """A message as a request.

    `own` is its content type where that is certain; `only` the one type in its batch, which a body
    that is no JSON and no .npy must have meant.
    """
    properties = {
        str(name).lower(): str(value)
        for name, value in (message.application_properties or {}).items()
    }
    content_type = properties.get("content_type") or own
    if not content_type and not media_types.speaks_for_itself(body):
        content_type = only
    name = properties["x-message-id"] = _name(message)
    return Request(
        id=name,
        source="servicebus",
        body=body,
        content_type=content_type,
        headers=properties,
        deadline=math.inf,
    )


def _body(message: func.ServiceBusMessage) -> bytes:
    return bytes(message.get_body() or b"")


def _name(message: func.ServiceBusMessage) -> str:
    return str(message.message_id or f"sequence-{message.sequence_number}")
