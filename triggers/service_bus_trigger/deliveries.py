"""Reads the messages of a batch as requests. A message that can't be read affects no other one."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import azure.functions as func

from inference.errors import InternalError, ScoringError
from inference.request import Request
from inference.results.stored_result import fingerprint
from inference.rows import media_types
from inference.tracebacks import format_error
from triggers import envelope

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery of a message, as a request."""

    request: Request
    #: It was delivered before.
    redelivered: bool = False
    #: The broker dead-letters the message if this delivery ends without a result.
    is_last: bool = False
    #: The batch holds the same request already.
    is_duplicate: bool = False
    #: The message's text, if HTTP enqueued the request.
    packed: str = ""
    #: Why the message can't be read.
    error: ScoringError | None = None


def read_batch(
    messages: Sequence[func.ServiceBusMessage], *, max_delivery_count: int
) -> Iterator[Delivery]:
    """Each message of a batch, in order."""
    reader = _Reader([str(message.content_type or "") for message in messages])
    for index, message in enumerate(messages):
        count = message.delivery_count if isinstance(message.delivery_count, int) else 1
        redelivered, is_last = count > 1, count >= max_delivery_count
        try:
            request, packed, is_duplicate = reader.read(message, index)
        except Exception as error:  # noqa: BLE001 - it ends this message alone
            request = Request(id=_id(message), source="servicebus", body=b"", deadline=math.inf)
            log.error("request %r can't be read: %s", request.id, format_error(error))
            unread = InternalError(type(error).__name__)
            yield Delivery(request, redelivered, is_last, error=unread)
        else:
            yield Delivery(request, redelivered, is_last, is_duplicate, packed)


@dataclass
class _Reader:
    """Reads the messages of one batch, whose content types are `content_types`."""

    content_types: Sequence[str]
    _seen: set[tuple[str, bytes]] = field(default_factory=set)

    def read(self, message: func.ServiceBusMessage, index: int) -> tuple[Request, str, bool]:
        """The request; the message's text if HTTP enqueued it; and whether it is a duplicate."""
        body = bytes(message.get_body() or b"")
        request = envelope.unpack(body)
        if request is None:
            return self._request(message, body, index), "", False
        # A sender who enqueued a request twice is owed one document.
        key = (request.id, fingerprint(request))
        is_duplicate = key in self._seen
        self._seen.add(key)
        return request, body.decode(), is_duplicate

    def _request(self, message: func.ServiceBusMessage, body: bytes, index: int) -> Request:
        properties = {
            str(name).lower(): str(value)
            for name, value in (message.application_properties or {}).items()
        }
        content_type = properties.get("content_type") or self._content_type(body, index)
        if "content_encoding" in properties:
            properties.setdefault("content-encoding", properties["content_encoding"])
        properties["x-message-id"] = _id(message)
        return Request(
            id=_id(message),
            source="servicebus",
            body=body,
            content_type=content_type,
            headers=properties,
            deadline=math.inf,
        )

    def _content_type(self, body: bytes, index: int) -> str:
        """A message's own content type, if it is certain.

        The platform leaves absent content types out of its list. If one message has none, the
        others' types may therefore stand at the wrong messages. The body decides then: one that is
        neither JSON nor .npy must be of the only type in the batch, if there is only one.
        """
        if all(self.content_types):
            return self.content_types[index]
        kinds = set(self.content_types) - {""}
        if len(kinds) != 1 or media_types.speaks_for_itself(body):
            return ""
        return kinds.pop()


def _id(message: func.ServiceBusMessage) -> str:
    return str(message.message_id or f"sequence-{message.sequence_number}")
