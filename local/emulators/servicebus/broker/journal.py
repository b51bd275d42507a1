"""The interface between a queue and its store: every change is reported, in order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from local.emulators.servicebus.broker.message import Message


@dataclass(frozen=True, slots=True)
class Saved:
    """A queue's stored state."""

    last_sequence: int = 0
    messages: Iterable[Message] = ()
    #: For duplicate detection: message id, sequence number, and expiry.
    seen: Iterable[tuple[str, int, int]] = field(default=())
    #: Each session's state, and when it was set.
    sessions: Iterable[tuple[str, bytes, int]] = field(default=())


class Journal(Protocol):
    """Collects changes. `commit` makes all of them durable together."""

    def load(self, queue: str) -> Saved: ...

    def use_sequence(self, queue: str, sequence: int) -> None:
        """The number is used up by a message that is not stored."""

    def insert(self, queue: str, message: Message) -> None: ...

    def update(self, queue: str, message: Message) -> None:
        """Its state, times, delivery count or dead-letter reason has changed."""

    def update_content(self, queue: str, message: Message) -> None: ...

    def delete(self, queue: str, message: Message) -> None: ...

    def remember(self, queue: str, message_id: str, sequence: int, until_ms: int) -> None: ...

    def forget(self, queue: str, now_ms: int) -> None:
        """Forget ids that expired before `now_ms`."""

    def set_session_state(
        self, queue: str, session_id: str, state: bytes | None, now_ms: int
    ) -> None: ...

    def drop(self, queue: str) -> None:
        """Delete everything of a queue."""

    def commit(self) -> None: ...
