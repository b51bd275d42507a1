"""Which messages of a queue with sessions are ready, and which sessions are locked.

A session is locked by one receiver at a time. Only that receiver gets the session's messages, and
their locks end with the session's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID, uuid4

from local.emulators.servicebus.broker.errors import (
    LockLost,
    SessionCannotBeLocked,
    SessionLockLost,
)
from local.emulators.servicebus.broker.message import Delivery, Message
from local.emulators.servicebus.broker.sequence_heap import SequenceHeap


class SessionHolder(Protocol):
    """Is notified when its session's lock expires."""

    def session_lost(self) -> None: ...


@dataclass(slots=True)
class SessionLock:
    session_id: str
    holder: SessionHolder
    until_ms: int
    messages: dict[UUID, Message] = field(default_factory=dict)


class Sessions:
    """The counterpart of Availability.

    All locks last equally long, so they expire in the order in which they were taken.
    """

    def __init__(self, duration_ms: int) -> None:
        self._duration_ms = duration_ms
        self._ready: defaultdict[str, SequenceHeap] = defaultdict(SequenceHeap)
        #: Unlocked sessions with ready messages, in the order in which they became so.
        self._available: dict[str, None] = {}
        self._locks: dict[str, SessionLock] = {}
        self._by_token: dict[UUID, SessionLock] = {}
        self._locked: set[int] = set()

    def __repr__(self) -> str:
        return f"<Sessions: {len(self._ready)} with ready messages, {len(self._locks)} locked>"

    def __contains__(self, message: Message) -> bool:
        """Whether the message is locked."""
        return message.sequence in self._locked

    # -- ready messages ------------------------------------------------------------------------

    def put(self, message: Message) -> None:
        self._ready[message.session_id or ""].put(message.sequence, message.sequence)
        self._update(message.session_id or "")

    def discard(self, message: Message) -> None:
        session_id = message.session_id or ""
        if session_id in self._ready:
            self._ready[session_id].discard(message.sequence)
            self._update(session_id)

    def pop(self, session_id: str | None) -> int | None:
        """Remove and return the sequence number of the session's first ready message."""
        if session_id is None or session_id not in self._ready:
            return None
        sequence = self._ready[session_id].pop()
        self._update(session_id)
        return sequence

    @property
    def has_ready(self) -> bool:
        return bool(self._ready)

    def _update(self, session_id: str) -> None:
        if not self._ready[session_id]:
            del self._ready[session_id]
            self._available.pop(session_id, None)
        elif session_id not in self._locks:
            self._available.setdefault(session_id)

    # -- session locks -------------------------------------------------------------------------

    def accept(self, session_id: str | None, holder: SessionHolder, now_ms: int) -> str | None:
        """Lock a session; None locks the next one that has ready messages.

        Returns the session's id, or None if no session is available. Raises SessionCannotBeLocked.
        """
        if session_id is None:
            session_id = next(iter(self._available), None)
            if session_id is None:
                return None
        if session_id in self._locks:
            raise SessionCannotBeLocked(session_id)
        self._available.pop(session_id, None)
        self._locks[session_id] = SessionLock(session_id, holder, now_ms + self._duration_ms)
        return session_id

    def until_ms(self, session_id: str) -> int:
        """When the session's lock expires. Raises SessionLockLost."""
        return self._lock(session_id).until_ms

    def renew_session(self, session_id: str, now_ms: int) -> int:
        """Returns the new expiry. Raises SessionLockLost."""
        lock = self._lock(session_id)
        del self._locks[session_id]
        lock.until_ms = now_ms + self._duration_ms
        self._locks[session_id] = lock
        return lock.until_ms

    def close(self, session_id: str, holder: SessionHolder) -> list[Message]:
        """End the holder's lock. Returns the messages that were locked."""
        lock = self._locks.get(session_id)
        return self._end(lock) if lock is not None and lock.holder is holder else []

    def next_deadline_ms(self) -> int | None:
        return next((lock.until_ms for lock in self._locks.values()), None)

    def expire(self, now_ms: int) -> Iterator[Message]:
        """End expired locks and notify their holders. Yields the messages that were locked."""
        for lock in [lock for lock in self._locks.values() if lock.until_ms <= now_ms]:
            messages = self._end(lock)
            lock.holder.session_lost()
            yield from messages

    def _lock(self, session_id: str) -> SessionLock:
        lock = self._locks.get(session_id)
        if lock is None:
            raise SessionLockLost(session_id)
        return lock

    def _end(self, lock: SessionLock) -> list[Message]:
        del self._locks[lock.session_id]
        for token, message in lock.messages.items():
            del self._by_token[token]
            self._locked.discard(message.sequence)
        if lock.session_id in self._ready:
            self._available.setdefault(lock.session_id)
        return list(lock.messages.values())

    # -- message locks -------------------------------------------------------------------------

    def set_duration(self, duration_ms: int) -> None:
        """For locks that are taken or renewed from now on."""
        self._duration_ms = duration_ms

    @property
    def locks_held(self) -> int:
        return len(self._by_token)

    def take(
        self,
        message: Message,
        holder: object,  # noqa: ARG002 - the session's lock has one
        now_ms: int,  # noqa: ARG002 - the session's lock has an expiry
        session_id: str | None = None,
    ) -> Delivery:
        """Lock a message for the session's receiver. Raises SessionLockLost."""
        lock, token = self._lock(session_id or ""), uuid4()
        lock.messages[token] = message
        self._by_token[token] = lock
        self._locked.add(message.sequence)
        return Delivery(message, token, lock.until_ms)

    def check(self, token: UUID) -> Message:
        """The locked message. Raises LockLost."""
        lock = self._by_token.get(token)
        if lock is None:
            raise LockLost
        return lock.messages[token]

    def release(self, token: UUID) -> Message:
        """End a message's lock. Returns the message. Raises LockLost."""
        message = self.check(token)
        del self._by_token.pop(token).messages[token]
        self._locked.discard(message.sequence)
        return message

    def renew(self, token: UUID, now_ms: int) -> int:
        """Renew the lock of the message's session. Raises LockLost."""
        self.check(token)
        return self.renew_session(self._by_token[token].session_id, now_ms)

    def ids(self) -> set[str]:
        """Sessions with ready or locked messages."""
        return {*self._ready, *(each.session_id for each in self._locks.values() if each.messages)}
