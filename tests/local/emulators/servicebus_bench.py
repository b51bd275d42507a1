"""Queues over a real store, with a clock that the tests set."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.emulators.servicebus.broker.message import Draft
from local.emulators.servicebus.broker.message_queue import MessageQueue
from local.emulators.servicebus.broker.settings import QueueSettings
from local.emulators.servicebus.broker.store import Store


@dataclass
class Clock:
    now_ms: int = 1_000_000

    def __call__(self) -> int:
        return self.now_ms


@dataclass
class Bench:
    """A queue over a store, which can be closed and opened again."""

    folder: Path
    settings: QueueSettings
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.store = Store(self.folder / "queues.db")
        self.queue = MessageQueue(self.settings, self.store, self.clock)
        self.queue.restore(self.store.load(self.settings.name))

    def reopen(self) -> None:
        self.store.commit()
        self.store.close()
        self.__post_init__()

    def send(self, *contents: bytes, **draft: Any) -> list[int]:
        return [self.queue.send(Draft(c.decode(), c, **draft)) for c in contents]

    def pass_by(self, ms: int) -> None:
        self.clock.now_ms += ms
        self.queue.advance()

    def take_all(self, queue: MessageQueue | None = None) -> list[bytes]:
        taken = []
        while (message := (queue or self.queue).take()) is not None:
            taken.append(message.draft.content)
        return taken


@contextmanager
def benches(folder: Path) -> Iterator[Callable[..., Bench]]:
    """`make(**settings)`: a queue with a lock of 1,000 ms and 3 tries at most."""
    opened = []

    def make(**settings: Any) -> Bench:
        defaults = {"lock_duration_ms": 1000, "max_delivery_count": 3}
        opened.append(Bench(folder, QueueSettings("q", **{**defaults, **settings})))
        return opened[-1]

    yield make
    for each in opened:
        each.store.close()
