"""Deletes entities that nobody has used for as long as their AutoDeleteOnIdle says."""

from __future__ import annotations

from collections.abc import Callable

from local.emulators.servicebus.broker.lifecycle import Clock
from local.emulators.servicebus.broker.message_queue import MessageQueue
from local.emulators.servicebus.broker.namespace import Namespace
from local.emulators.servicebus.broker.topic import Topic

#: Seconds between two sweeps. The shortest AutoDeleteOnIdle is five minutes.
SWEEP_EVERY_S = 20.0


class IdleEntities:
    """A topic is used if one of its subscriptions is. Messages that wait keep nothing.

    `last_used_ms` is in the time of `now_ms`. After a restart every entity counts as just used.
    """

    def __init__(
        self,
        namespace: Namespace,
        last_used_ms: Callable[[MessageQueue], int],
        delete: Callable[[str], None],
        now_ms: Clock,
    ) -> None:
        self._namespace, self._delete = namespace, delete
        self._last_used_ms, self._now_ms = last_used_ms, now_ms

    def __repr__(self) -> str:
        return f"<IdleEntities of {self._namespace!r}>"

    def sweep(self) -> list[str]:
        """Delete those whose time is over. Returns their paths."""
        deleted = []
        for entity in [each for each in self._namespace if each.sub_queues]:
            limit_ms = entity.settings.auto_delete_ms
            # One may have been deleted with its topic.
            is_there = self._namespace.find(entity.path) is entity
            if limit_ms is not None and is_there and self._idle_ms(entity) >= limit_ms:
                self._delete(entity.path)
                deleted.append(entity.path)
        return deleted

    def _idle_ms(self, entity: MessageQueue) -> int:
        subscriptions = list(entity.subscriptions.values()) if isinstance(entity, Topic) else []
        used = [
            self._last_used_ms(part) for each in (entity, *subscriptions) for part in _parts(each)
        ]
        return self._now_ms() - max(used)


def _parts(entity: MessageQueue) -> list[MessageQueue]:
    return [entity, *entity.sub_queues]
