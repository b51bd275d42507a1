"""The messages of one queue by sequence number, and when scheduled and expiring ones are due."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from typing import Protocol

from local.emulators.servicebus.broker.errors import MessageNotFound
from local.emulators.servicebus.broker.message import Message, State
from local.emulators.servicebus.broker.sequence_heap import SequenceHeap


class Available(Protocol):
    """Which messages are ready, and which are locked."""

    def __contains__(self, message: Message) -> bool:
        """Whether the message is locked."""

    def discard(self, message: Message) -> None: ...


class MessageIndex:
    """Removing a message here removes it from `available` as well."""

    def __init__(self, available: Available) -> None:
        self._available = available
        self._messages: dict[int, Message] = {}
        self._expiring = SequenceHeap()
        self._scheduled = SequenceHeap()

    def __repr__(self) -> str:
        return f"{len(self)} messages"

    def __len__(self) -> int:
        return len(self._messages)

    def __iter__(self) -> Iterator[Message]:
        return iter(self._messages.values())

    def __getitem__(self, sequence: int) -> Message:
        return self._messages[sequence]

    def add(self, message: Message) -> None:
        self._messages[message.sequence] = message
        if message.state is State.SCHEDULED:
            scheduled_ms = message.draft.scheduled_ms
            assert scheduled_ms is not None  # noqa: S101 - what SCHEDULED means
            self._scheduled.put(message.sequence, scheduled_ms)
        elif message.state is State.ACTIVE and message.expires_ms is not None:
            self._expiring.put(message.sequence, message.expires_ms)

    def remove(self, message: Message) -> None:
        del self._messages[message.sequence]
        self._available.discard(message)
        self._expiring.discard(message.sequence)
        self._scheduled.discard(message.sequence)

    def stop_expiry(self, message: Message) -> None:
        self._expiring.discard(message.sequence)

    def next_deadline_ms(self) -> int | None:
        deadlines = (self._expiring.first_key(), self._scheduled.first_key())
        return min((each for each in deadlines if each is not None), default=None)

    def pop_scheduled(self, now_ms: int) -> Iterator[Message]:
        """The messages whose time has come."""
        for sequence in self._scheduled.pop_due(now_ms):
            message = self._messages[sequence]
            if message.expires_ms is not None:
                self._expiring.put(sequence, message.expires_ms)
            yield message

    def pop_expired(self, now_ms: int) -> Iterator[Message]:
        """The messages that have expired. A locked one may still be settled."""
        for sequence in self._expiring.pop_due(now_ms):
            message = self._messages[sequence]
            if message not in self._available:
                yield message

    def peek(self, first: int, limit: int, session_id: str | None, now_ms: int) -> list[Message]:
        """Up to `limit` messages from sequence number `first` on, of a session unless it is None.

        Expired messages are left out.
        """
        from_first = (
            sequence
            for sequence, message in self._messages.items()
            if sequence >= first
            and (session_id is None or message.session_id == session_id)
            and not message.is_expired(now_ms)
        )
        return [self._messages[sequence] for sequence in heapq.nsmallest(limit, from_first)]

    def require_state(
        self, sequences: Iterable[int], state: State, session_id: str | None = None
    ) -> list[Message]:
        """The distinct messages. Raises MessageNotFound if one is not in that state."""
        found = []
        for sequence in dict.fromkeys(sequences):
            message = self._messages.get(sequence)
            if message is None or message.state is not state or message in self._available:
                raise MessageNotFound(sequence, state.name.lower())
            if session_id is not None and message.session_id != session_id:
                raise MessageNotFound(sequence, state.name.lower())
            found.append(message)
        return found
