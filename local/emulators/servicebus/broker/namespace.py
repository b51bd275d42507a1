"""A namespace: its queues, topics and subscriptions by path."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from local.emulators.servicebus.broker.forwarding import Forwarding
from local.emulators.servicebus.broker.journal import Journal
from local.emulators.servicebus.broker.lifecycle import Clock
from local.emulators.servicebus.broker.message_queue import MessageQueue
from local.emulators.servicebus.broker.settings import (
    QueueSettings,
    SubscriptionSettings,
    TopicSettings,
)
from local.emulators.servicebus.broker.topic import (
    SUBSCRIPTIONS,
    PropertyCodec,
    Subscription,
    Topic,
)


class Namespace:
    """Paths are case-insensitive, as in Service Bus."""

    def __init__(self, journal: Journal, codec: PropertyCodec, now_ms: Clock) -> None:
        self._journal = journal
        self._codec = codec
        self._now_ms = now_ms
        self._entities: dict[str, MessageQueue] = {}
        self._is_restored = False
        #: Called for each entity and sub-queue that is added or removed.
        self.on_added: Callable[[MessageQueue], None] = lambda _: None
        self.on_removed: Callable[[MessageQueue], None] = lambda _: None

    def __repr__(self) -> str:
        return f"<Namespace of {len(self._entities)} entities, dead-letter queues included>"

    def __iter__(self) -> Iterator[MessageQueue]:
        """Everything that has messages: dead-letter queues too."""
        return iter(self._entities.values())

    def find(self, path: str) -> MessageQueue | None:
        """A queue, topic or subscription, or the dead-letter queue `path/$DeadLetterQueue`."""
        return self._entities.get(path.casefold())

    def find_target(self, path: str) -> MessageQueue | None:
        """The queue or topic to which messages can be sent."""
        found = self.find(path)
        sendable = found is not None and found.dead_letters is not None
        return found if sendable and not isinstance(found, Subscription) else None

    def queues(self) -> list[MessageQueue]:
        """Without topics, subscriptions and dead-letter queues."""
        return [each for each in self if each.sub_queues and type(each) is MessageQueue]

    def topics(self) -> list[Topic]:
        return [each for each in self if isinstance(each, Topic)]

    def add_queue(self, settings: QueueSettings) -> MessageQueue:
        queue = MessageQueue(settings, self._journal, self._now_ms)
        self._add(queue)
        return queue

    def add_topic(self, settings: TopicSettings) -> Topic:
        topic = Topic(settings.queue, self._journal, self._now_ms, self._codec)
        self._add(topic)
        for subscription in settings.subscriptions:
            self.add_subscription(topic, subscription)
        return topic

    def add_subscription(self, topic: Topic, settings: SubscriptionSettings) -> Subscription:
        subscription = Subscription(settings.queue, self._journal, self._now_ms, settings.rules)
        topic.subscriptions[subscription.name.casefold()] = subscription
        self._add(subscription)
        return subscription

    def set_forwarding(self, entity: MessageQueue) -> None:
        """Forward the entity's messages as its settings say."""
        if not isinstance(entity, Topic):
            Forwarding(entity, self.find_target, self._codec.write_reason).start()

    def remove(self, entity: MessageQueue) -> None:
        """Remove an entity with its messages and subscriptions."""
        if isinstance(entity, Topic):
            for subscription in list(entity.subscriptions.values()):
                self.remove(subscription)
        topic_path, _, _ = entity.path.partition(SUBSCRIPTIONS)
        topic = self.find(topic_path)
        if isinstance(entity, Subscription) and isinstance(topic, Topic):
            del topic.subscriptions[entity.name.casefold()]
        for each in (entity, *entity.sub_queues):
            del self._entities[each.path.casefold()]
            self.on_removed(each)
        self._journal.drop(entity.settings.name)

    def restore(self) -> None:
        """Load the messages of all entities.

        All must have been added, because restored messages may be forwarded.
        """
        self._is_restored = True
        for entity in [each for each in self if each.sub_queues]:
            entity.restore(self._journal.load(entity.path))

    def _add(self, entity: MessageQueue) -> None:
        self.set_forwarding(entity)
        for each in (entity, *entity.sub_queues):
            self._entities[each.path.casefold()] = each
            self.on_added(each)
        if self._is_restored:
            entity.restore(self._journal.load(entity.path))
