"""Topics and subscriptions: each subscription gets a copy of the messages that its rules match."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cached_property
from typing import Protocol

from local.emulators.servicebus.broker.errors import NotAllowed
from local.emulators.servicebus.broker.journal import Journal
from local.emulators.servicebus.broker.lifecycle import Clock
from local.emulators.servicebus.broker.message import DeadLetter, Draft, Message
from local.emulators.servicebus.broker.message_queue import MessageQueue
from local.emulators.servicebus.broker.rules.filters import ConstantFilter
from local.emulators.servicebus.broker.rules.message_properties import MessageProperties
from local.emulators.servicebus.broker.rules.rule import Rule
from local.emulators.servicebus.broker.settings import QueueSettings

SUBSCRIPTIONS = "/Subscriptions/"


class PropertyCodec(Protocol):
    """Reads and writes the properties in a message's encoded content."""

    def read(self, draft: Draft) -> MessageProperties: ...

    def write(self, draft: Draft, properties: MessageProperties) -> Draft: ...

    def write_reason(self, draft: Draft, reason: DeadLetter) -> Draft: ...


class SentDraft:
    """A draft and its properties, which are read once, when a rule needs them."""

    def __init__(self, draft: Draft, codec: PropertyCodec) -> None:
        self.draft = draft
        self._codec = codec

    def __repr__(self) -> str:
        return f"<SentDraft {self.draft.message_id}>"

    @cached_property
    def properties(self) -> MessageProperties:
        return self._codec.read(self.draft)

    def matches(self, rule: Rule) -> bool:
        if isinstance(rule.filter, ConstantFilter):
            return rule.filter.value
        return rule.filter.matches(self.properties)


class Subscription(MessageQueue):
    """A queue that a topic fills."""

    def __init__(
        self, settings: QueueSettings, journal: Journal, now_ms: Clock, rules: Iterable[Rule]
    ) -> None:
        super().__init__(settings, journal, now_ms)
        #: By name.
        self.rules = {rule.name: rule for rule in rules}

    @property
    def name(self) -> str:
        return self.settings.name.rpartition("/")[2]

    def publish(self, sent: SentDraft, codec: PropertyCodec) -> None:
        """Send one copy for all rules without an action, and one for each with an action."""
        for draft in self._copies(sent, codec):
            try:
                self.send_all([draft])
            except NotAllowed as error:
                self.send_dead(draft, DeadLetter("Session ID is null", str(error)))

    def _copies(self, sent: SentDraft, codec: PropertyCodec) -> Iterator[Draft]:
        matching = [rule for rule in self.rules.values() if sent.matches(rule)]
        if any(rule.action is None for rule in matching):
            yield sent.draft
        for rule in matching:
            if rule.action is not None:
                yield codec.write(sent.draft, rule.action.apply(sent.properties))


class Topic(MessageQueue):
    """Keeps scheduled messages only: others are copied to the subscriptions at once."""

    def __init__(
        self, settings: QueueSettings, journal: Journal, now_ms: Clock, codec: PropertyCodec
    ) -> None:
        super().__init__(settings, journal, now_ms)
        self.subscriptions: dict[str, Subscription] = {}
        self._codec = codec
        self.forward = self._distribute

    def _distribute(self, message: Message) -> None:
        draft = replace(message.draft, scheduled_ms=None, enqueued_sequence=message.sequence)
        sent = SentDraft(draft, self._codec)
        for subscription in self.subscriptions.values():
            subscription.publish(sent, self._codec)
