"""Settings of queues, topics and subscriptions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from local.emulators.servicebus.broker.rules.rule import Rule


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """The properties of a queue, topic or subscription, with Service Bus's defaults.

    Times are in milliseconds.
    """

    #: A queue's or topic's name, or `topic/Subscriptions/name`.
    name: str
    lock_duration_ms: int = 60_000
    max_delivery_count: int = 10
    #: None: messages never expire.
    default_ttl_ms: int | None = None
    dead_letters_expired: bool = False
    #: None: no duplicate detection.
    duplicate_window_ms: int | None = None
    requires_session: bool = False
    #: The queue or topic to which messages move on; None: they stay.
    forward_to: str | None = None
    forward_dead_letters_to: str | None = None
    #: How long it may be unused before it is deleted; None: for ever.
    auto_delete_ms: int | None = None
    #: Everything that was set, by the name and as the text that the administration API has.
    properties: Mapping[str, str] = field(default_factory=dict, compare=False)

    def limit_ttl_ms(self, ttl_ms: int | None) -> int | None:
        """A message's time to live, limited by the queue's. None: it never expires."""
        limits = [limit for limit in (ttl_ms, self.default_ttl_ms) if limit is not None]
        return min(limits, default=None)


@dataclass(frozen=True, slots=True)
class SubscriptionSettings:
    queue: QueueSettings
    rules: tuple[Rule, ...] = (Rule(),)


@dataclass(frozen=True, slots=True)
class TopicSettings:
    #: A topic has no receivers, so only its name, time to live and duplicate detection count.
    queue: QueueSettings
    subscriptions: tuple[SubscriptionSettings, ...] = ()
