"""Which messages of one queue are ready, and which are locked by a receiver."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID, uuid4

from local.emulators.servicebus.broker.errors import LockLost
from local.emulators.servicebus.broker.message import Delivery, Message
from local.emulators.servicebus.broker.sequence_heap import SequenceHeap


class LockHolder(Protocol):
    """Is notified when one of its locks expires."""

    def lock_lost(self, token: UUID) -> None: ...


@dataclass(slots=True)
class Lock:
    token: UUID
    message: Message
    until_ms: int
    #: None for messages received over a management link, which cannot be notified.
    holder: LockHolder | None


class Availability:
    """Messages become ready in any order, and are taken in the order of their numbers.

    All locks last equally long, so they expire in the order in which they were taken.
    """

    def __init__(self, duration_ms: int) -> None:
        self._duration_ms = duration_ms
        self._ready = SequenceHeap()
        self._by_token: dict[UUID, Lock] = {}
        self._locked: set[int] = set()

    def __repr__(self) -> str:
        return f"<Availability: {len(self._ready)} ready, {len(self._by_token)} locked>"

    def __contains__(self, message: Message) -> bool:
        """Whether the message is locked."""
        return message.sequence in self._locked

    def set_duration(self, duration_ms: int) -> None:
        """For locks that are taken or renewed from now on."""
        self._duration_ms = duration_ms

    @property
    def locks_held(self) -> int:
        return len(self._by_token)

    @property
    def has_ready(self) -> bool:
        return len(self._ready) > 0

    def put(self, message: Message) -> None:
        """The message is ready."""
        self._ready.put(message.sequence, message.sequence)

    def discard(self, message: Message) -> None:
        """The message is not ready any more."""
        self._ready.discard(message.sequence)

    def pop(self, session_id: str | None = None) -> int | None:  # noqa: ARG002 - see Sessions
        """Remove and return the first ready message's sequence number."""
        return self._ready.pop()

    def take(
        self,
        message: Message,
        holder: LockHolder | None,
        now_ms: int,
        session_id: str | None = None,  # noqa: ARG002 - see Sessions
    ) -> Delivery:
        lock = Lock(uuid4(), message, now_ms + self._duration_ms, holder)
        self._by_token[lock.token] = lock
        self._locked.add(message.sequence)
        return Delivery(message, lock.token, lock.until_ms)

    def check(self, token: UUID) -> Message:
        """The locked message. Raises LockLost."""
        lock = self._by_token.get(token)
        if lock is None:
            raise LockLost
        return lock.message

    def release(self, token: UUID) -> Message:
        """End the lock. Returns the message. Raises LockLost."""
        lock = self._by_token.pop(token, None)
        if lock is None:
            raise LockLost
        self._locked.discard(lock.message.sequence)
        return lock.message

    def renew(self, token: UUID, now_ms: int) -> int:
        """Returns the new expiry. Raises LockLost."""
        lock = self._by_token.pop(token, None)
        if lock is None:
            raise LockLost
        lock.until_ms = now_ms + self._duration_ms
        self._by_token[token] = lock
        return lock.until_ms

    def next_deadline_ms(self) -> int | None:
        return next((lock.until_ms for lock in self._by_token.values()), None)

    def expire(self, now_ms: int) -> Iterator[Message]:
        """End expired locks and notify their holders. Yields the messages."""
        expired = []
        for lock in self._by_token.values():
            if lock.until_ms > now_ms:
                break
            expired.append(lock)
        for lock in expired:
            message = self.release(lock.token)
            if lock.holder is not None:
                lock.holder.lock_lost(lock.token)
            yield message
