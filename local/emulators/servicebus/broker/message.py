"""A message as the broker keeps it, and what a sender hands over."""

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
    """Why a message is in the dead-letter queue; a client may leave out either."""

    reason: str | None = None
    description: str | None = None

    @classmethod
    def tried_too_often(cls, tries: int) -> Self:
        text = f"Message could not be consumed after {tries} delivery attempts."
        return cls("MaxDeliveryCountExceeded", text)

    @classmethod
    def expired(cls) -> Self:
        return cls("TTLExpiredException", "The message expired and was dead lettered.")


@dataclass(frozen=True, slots=True)
class Draft:
    """A message before it is in a queue. `content` is what receivers get, unread here."""

    message_id: str
    content: bytes
    #: The sender's own annotations of the message and of the delivery, encoded, unread here.
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
    #: None where it never expires.
    expires_ms: int | None
    state: State = State.ACTIVE
    #: Deliveries that failed: abandoned, or not settled before the lock ran out.
    delivery_count: int = 0
    dead: DeadLetter | None = None

    def is_over(self, now_ms: int) -> bool:
        """Its time to live has passed. Deferred messages wait for ever, and so do dead ones."""
        if self.expires_ms is None or self.state is not State.ACTIVE:
            return False
        return self.expires_ms <= now_ms

    def edited(self, content: bytes | None) -> Message:
        """Itself, with new content if there is any."""
        if content is not None:
            self.draft = replace(self.draft, content=content)
        return self


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message locked for one receiver, who settles it by its token."""

    message: Message
    token: UUID
    locked_until_ms: int
