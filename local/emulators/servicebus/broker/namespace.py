"""A namespace: its queues by path."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from local.emulators.servicebus.broker.journal import Journal
from local.emulators.servicebus.broker.lifecycle import Clock
from local.emulators.servicebus.broker.message_queue import MessageQueue
from local.emulators.servicebus.broker.settings import QueueSettings


class Namespace:
    """Paths are case-insensitive, as in Service Bus."""

    def __init__(self, queues: Iterable[QueueSettings], journal: Journal, now_ms: Clock) -> None:
        self._queues: dict[str, MessageQueue] = {}
        for settings in queues:
            queue = MessageQueue(settings, journal, now_ms)
            queue.restore(journal.load(settings.name))
            self._add(queue)
            if queue.dead_letters is not None:
                self._add(queue.dead_letters)

    def __repr__(self) -> str:
        return f"<Namespace of {len(self._queues)} queues, dead-letter queues included>"

    def __iter__(self) -> Iterator[MessageQueue]:
        return iter(self._queues.values())

    def find(self, path: str) -> MessageQueue | None:
        """The queue `name`, or the dead-letter queue `name/$DeadLetterQueue`."""
        return self._queues.get(path.casefold())

    def _add(self, queue: MessageQueue) -> None:
        self._queues[queue.path.casefold()] = queue
