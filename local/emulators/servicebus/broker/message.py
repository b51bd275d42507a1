"""Messages: as a sender hands them over, as a queue keeps them, and as a receiver locks them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Self
from uuid import UUID

#: AMQP's.
DEFAULT_PRIORITY = 4


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
    #: Whether it could not be forwarded: it is in the transfer dead-letter queue.
    in_transfer: bool = False

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
    priority: int = DEFAULT_PRIORITY
    #: As sent; a queue replaces it with the effective one.
    ttl_ms: int | None = None
    #: When it becomes available, in milliseconds since the epoch.
    scheduled_ms: int | None = None
    session_id: str | None = None
    #: For a message that was forwarded: its sequence number in the first entity.
    enqueued_sequence: int | None = None
    #: For a forwarded dead letter: the entity that dead-lettered it.
    dead_letter_source: str | None = None
    #: How often it was forwarded. Not stored: messages are forwarded at once.
    hops: int = 0


type DraftReader = Callable[["Message"], Draft]


@dataclass(slots=True)
class Message:
    """A message in a queue or in its dead-letter queue. Times are milliseconds since the epoch."""

    sequence: int
    #: The draft, or a function that reads it from the store.
    kept: Draft | DraftReader
    enqueued_ms: int
    #: None: it never expires.
    expires_ms: int | None
    state: State = State.ACTIVE
    #: Failed deliveries: abandoned, or not settled before the lock expired.
    delivery_count: int = 0
    dead: DeadLetter | None = None
    session_id: str | None = None

    @property
    def draft(self) -> Draft:
        """Read from the store at each access, if it is not in memory."""
        kept = self.kept
        return kept if isinstance(kept, Draft) else kept(self)

    def is_expired(self, now_ms: int) -> bool:
        """Whether its time to live has passed. Deferred and dead-lettered messages never expire."""
        if self.expires_ms is None or self.state is not State.ACTIVE:
            return False
        return self.expires_ms <= now_ms

    def set_content(self, content: bytes) -> None:
        self.kept = replace(self.draft, content=content)


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message locked for one receiver, which settles it by its token."""

    message: Message
    token: UUID
    locked_until_ms: int
