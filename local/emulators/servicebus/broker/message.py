"""Messages: as a sender hands them over, as a queue keeps them, and as a receiver locks them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Self
from uuid import UUID


class State(IntEnum):
    """Numbered as Service Bus shows them to clients."""

    ACTIVE = 0
    DEFERRED = 1
    SCHEDULED = 2


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Why a message was dead-lettered. A client may leave out either text."""

    reason: str | None = None
    description: str | None = None

    @classmethod
    def max_deliveries(cls, deliveries: int) -> Self:
        text = f"Message could not be consumed after {deliveries} delivery attempts."
        return cls("MaxDeliveryCountExceeded", text)

    @classmethod
    def expired(cls) -> Self:
        return cls("TTLExpiredException", "The message expired and was dead lettered.")


@dataclass(frozen=True, slots=True)
class Draft:
    """A sent message. `content` is the encoded bare message, which the broker does not read."""

    message_id: str
    content: bytes
    #: The sender's encoded message and delivery annotations, which the broker does not read.
    annotations: bytes = b""
    durable: bool = False
    priority: int = 4
    ttl_ms: int | None = None
    #: When it becomes available, in milliseconds since the epoch.
    scheduled_ms: int | None = None


@dataclass(slots=True)
class Message:
    """A message in a queue or in its dead-letter queue. Times are milliseconds since the epoch."""

    sequence: int
    draft: Draft
    enqueued_ms: int
    #: None: it never expires.
    expires_ms: int | None
    state: State = State.ACTIVE
    #: Failed deliveries: abandoned, or not settled before the lock expired.
    delivery_count: int = 0
    dead: DeadLetter | None = None

    def is_expired(self, now_ms: int) -> bool:
        """Whether its time to live has passed. Deferred and dead-lettered messages never expire."""
        if self.expires_ms is None or self.state is not State.ACTIVE:
            return False
        return self.expires_ms <= now_ms

    def with_content(self, content: bytes | None) -> Message:
        """Replace the content, unless it is None. Returns self."""
        if content is not None:
            self.draft = replace(self.draft, content=content)
        return self


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message locked for one receiver, which settles it by its token."""

    message: Message
    token: UUID
    locked_until_ms: int
