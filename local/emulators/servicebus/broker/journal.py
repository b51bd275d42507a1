"""What a queue needs of a store: to be told of every change, in order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from local.emulators.servicebus.broker.message import Message


@dataclass(frozen=True, slots=True)
class Saved:
    """A queue's state as a store kept it."""

    last_sequence: int = 0
    messages: Iterable[Message] = ()
    #: Message id, sequence number, and until when the id is remembered.
    seen: Iterable[tuple[str, int, int]] = field(default=())


class Journal(Protocol):
    """Keeps changes until `commit` makes all of them durable at once."""

    def load(self, queue: str) -> Saved: ...

    def insert(self, queue: str, message: Message) -> None: ...

    def update(self, queue: str, message: Message) -> None:
        """The message's state, times, delivery count, content or dead-lettering changed."""

    def delete(self, queue: str, sequence: int) -> None: ...

    def remember(self, queue: str, message_id: str, sequence: int, until_ms: int) -> None: ...

    def forget(self, queue: str, now_ms: int) -> None:
        """Remembered ids whose time is over."""

    def commit(self) -> None: ...
