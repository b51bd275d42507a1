"""Topics and forwarding within a namespace, over a real store."""

from __future__ import annotations

import pytest

from local.emulators.servicebus.broker.message import DeadLetter, Draft
from local.emulators.servicebus.broker.namespace import Namespace
from local.emulators.servicebus.broker.rules.filters import ConstantFilter, SqlFilter
from local.emulators.servicebus.broker.rules.message_properties import MessageProperties
from local.emulators.servicebus.broker.rules.rule import Rule
from local.emulators.servicebus.broker.settings import (
    QueueSettings,
    SubscriptionSettings,
    TopicSettings,
)
from local.emulators.servicebus.broker.store import Store
from tests.local.emulators.servicebus_bench import Clock


class TextCodec:
    """The content is the property `color`."""

    def read(self, draft):
        return MessageProperties({"color": draft.content.decode()})

    def write(self, draft, properties):
        return Draft(draft.message_id, properties.user["color"].encode())

    def write_reason(self, draft, reason):
        return Draft(draft.message_id, f"{draft.content.decode()} {reason.reason}".encode())


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "namespace.db")
    yield store
    store.close()


@pytest.fixture
def namespace(store, clock):
    namespace = Namespace(store, TextCodec(), clock)
    subscriptions = (
        SubscriptionSettings(QueueSettings("t/Subscriptions/all")),
        SubscriptionSettings(
            QueueSettings("t/Subscriptions/red"), (Rule("r", SqlFilter("color = 'red'")),)
        ),
        SubscriptionSettings(
            QueueSettings("t/Subscriptions/none"), (Rule("n", ConstantFilter(False)),)
        ),
    )
    namespace.add_topic(TopicSettings(QueueSettings("t"), subscriptions))
    namespace.add_queue(QueueSettings("first", forward_to="T"))
    namespace.add_queue(QueueSettings("lost", forward_to="nowhere"))
    namespace.add_queue(QueueSettings("dead", forward_dead_letters_to="kept"))
    namespace.add_queue(QueueSettings("kept"))
    namespace.restore()
    return namespace


def _bodies(queue):
    bodies = []
    while (message := queue.take()) is not None:
        bodies.append(message.draft.content)
    return bodies


def test_a_subscription_gets_what_its_rules_match(namespace):
    for color in (b"red", b"blue"):
        namespace.find("T").send(Draft("1", color))
    assert _bodies(namespace.find("t/subscriptions/ALL")) == [b"red", b"blue"]
    assert _bodies(namespace.find("t/subscriptions/red")) == [b"red"]
    assert _bodies(namespace.find("t/subscriptions/none")) == []
    assert len(namespace.find("t")) == 0


def test_a_scheduled_message_waits_in_the_topic_over_a_restart(namespace, store, clock):
    namespace.find("t").send(Draft("1", b"red", scheduled_ms=clock.now_ms + 500))
    assert len(namespace.find("t")) == 1
    store.commit()
    clock.now_ms += 600
    namespace.find("t").advance()
    assert _bodies(namespace.find("t/subscriptions/red")) == [b"red"]
    store.commit()


def test_messages_are_forwarded_and_the_lost_ones_kept_with_a_reason(namespace):
    namespace.find("first").send(Draft("1", b"red"))
    assert _bodies(namespace.find("t/subscriptions/red")) == [b"red"]
    namespace.find("lost").send(Draft("1", b"red"))
    message = namespace.find("lost/$Transfer/$DeadLetterQueue").take()
    assert message.dead.reason == "EntityNotFound"


def test_a_dead_letter_is_forwarded_with_its_reason_and_source(namespace):
    queue = namespace.find("dead")
    queue.send(Draft("1", b"red"))
    queue.dead_letter(queue.receive(None).token, DeadLetter("bad"))
    message = namespace.find("kept").take()
    assert message.draft.content == b"red bad"
    assert message.draft.dead_letter_source == "dead"


def test_a_removed_topic_takes_its_subscriptions_and_messages_along(namespace, store):
    namespace.find("t").send(Draft("1", b"red"))
    namespace.remove(namespace.find("t"))
    store.commit()
    assert namespace.find("t/subscriptions/all") is None
    assert list(store.load("t/Subscriptions/all").messages) == []
