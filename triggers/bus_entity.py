"""The Service Bus entities that the app reads and writes: queues, topics and subscriptions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import azure.functions as func

#: The setting that holds the connection. Bindings name it, and the platform reads it.
CONNECTION = "ServiceBusConnection"


@dataclass(frozen=True, slots=True)
class BusEntity:
    """A queue, a topic, or a topic's subscription. A topic is only written, a subscription read."""

    #: The queue's or the topic's.
    name: str
    is_topic: bool = False
    subscription: str = ""
    #: Its messages have sessions: each has a session id, and a session's are scored in order.
    has_sessions: bool = False

    def __str__(self) -> str:
        if self.subscription:
            return f"subscription {self.subscription} of topic {self.name}"
        return f"{'topic' if self.is_topic else 'queue'} {self.name}"

    @property
    def path(self) -> str:
        """`topic/subscription`, or the name of a queue or a topic."""
        return f"{self.name}/{self.subscription}" if self.subscription else self.name

    def trigger(
        self, functions: func.Blueprint, argument: str, **options: Any
    ) -> Callable[..., Any]:
        """The decorator of a function that gets batches, or single messages of sessions.

        The platform passes batches of one session at a time, and renews none of their locks. Single
        messages come from several sessions at once, each after the one before it was settled.
        """
        names = {"queue_name": self.name}
        register: Callable[..., Callable[..., Any]] = functions.service_bus_queue_trigger
        if self.subscription:
            names = {"topic_name": self.name, "subscription_name": self.subscription}
            register = functions.service_bus_topic_trigger
        many, one = func.Cardinality.MANY, func.Cardinality.ONE
        return register(
            argument,
            CONNECTION,
            **names,
            data_type=func.DataType.BINARY,
            cardinality=one if self.has_sessions else many,
            is_sessions_enabled=self.has_sessions or None,
            **options,
        )

    def output(self, functions: func.Blueprint, argument: str) -> Callable[..., Any]:
        """The decorator of a function that sends messages. They carry no session id."""
        register = (
            functions.service_bus_topic_output
            if self.is_topic
            else functions.service_bus_queue_output
        )
        return register(argument, CONNECTION, self.name)

    def sender(self, client: Any) -> Any:
        """A sender of a client of the SDK, blocking or asynchronous."""
        return (client.get_topic_sender if self.is_topic else client.get_queue_sender)(self.name)

    def receiver(self, client: Any, **options: Any) -> Any:
        """A receiver of a client of the SDK, blocking or asynchronous."""
        if self.subscription:
            return client.get_subscription_receiver(self.name, self.subscription, **options)
        return client.get_queue_receiver(self.name, **options)
