"""AutoDeleteOnIdle: an entity that nobody uses is deleted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from azure.core.exceptions import HttpResponseError

from deploy.connections import service_bus_administration
from local.emulators.servicebus.broker.message_queue import MessageQueue
from local.emulators.servicebus.broker.namespace import Namespace
from local.emulators.servicebus.broker.settings import (
    QueueSettings,
    SubscriptionSettings,
    TopicSettings,
)
from local.emulators.servicebus.broker.store import Store
from local.emulators.servicebus.idle_entities import IdleEntities
from local.emulators.servicebus.property_conversion import AmqpProperties
from tests.local.emulators.servicebus_process import running

FIVE_MINUTES_MS = 300_000


class World:
    """A namespace whose entities were all used at time 0."""

    def __init__(self, namespace: Namespace) -> None:
        self.namespace = namespace
        self.now_ms = 0
        self.used_ms: dict[str, int] = {}
        self.idle = IdleEntities(namespace, self._last_used_ms, self._delete, lambda: self.now_ms)

    def _last_used_ms(self, queue: MessageQueue) -> int:
        return self.used_ms.get(queue.path, 0)

    def _delete(self, path: str) -> None:
        found = self.namespace.find(path)
        assert found is not None
        self.namespace.remove(found)

    def sweep(self, at_ms: int) -> list[str]:
        self.now_ms = at_ms
        return self.idle.sweep()


def settings(name: str, auto_delete_ms: int | None = FIVE_MINUTES_MS) -> QueueSettings:
    return QueueSettings(name, auto_delete_ms=auto_delete_ms)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with closing(Store(tmp_path / "broker.db")) as store:
        yield World(Namespace(store, AmqpProperties(), lambda: 0))


def test_only_an_entity_with_a_limit_is_deleted_and_only_after_it(world: World) -> None:
    world.namespace.add_queue(settings("short"))
    world.namespace.add_queue(settings("kept", None))
    assert world.sweep(FIVE_MINUTES_MS - 1) == []
    world.used_ms["short"] = 1000
    assert world.sweep(FIVE_MINUTES_MS) == []
    assert world.sweep(FIVE_MINUTES_MS + 1000) == ["short"]
    assert [queue.path for queue in world.namespace.queues()] == ["kept"]


def test_its_dead_letter_queue_and_a_topics_subscriptions_count(world: World) -> None:
    world.namespace.add_queue(settings("q"))
    subscription = SubscriptionSettings(settings("t/Subscriptions/s", None))
    world.namespace.add_topic(TopicSettings(settings("t"), (subscription,)))
    world.used_ms = {"q/$DeadLetterQueue": 5, "t/Subscriptions/s": 9}
    assert world.sweep(FIVE_MINUTES_MS) == []
    assert world.sweep(FIVE_MINUTES_MS + 5) == ["q"]
    assert world.sweep(FIVE_MINUTES_MS + 9) == ["t"]
    assert world.namespace.find("t/Subscriptions/s") is None


@pytest.mark.filterwarnings("ignore:Testing an element's truth value:DeprecationWarning")
def test_the_limit_is_set_by_the_administration_api(tmp_path: Path) -> None:
    with running(tmp_path, {"q": {}}) as emulator:
        env = {"Bus": emulator.connection_string}
        with service_bus_administration(env, "Bus") as admin:
            made = admin.create_queue("idle", auto_delete_on_idle=timedelta(minutes=5))
            assert made.auto_delete_on_idle == timedelta(minutes=5)
            with pytest.raises(HttpResponseError, match="AutoDeleteOnIdle"):
                admin.create_queue("brief", auto_delete_on_idle=timedelta(minutes=4))
