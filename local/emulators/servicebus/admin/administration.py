"""Makes, changes, deletes and lists the entities of a namespace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from xml.etree import ElementTree as ET

from local.emulators.servicebus.admin import descriptions, entity_records, rule_xml
from local.emulators.servicebus.admin.descriptions import Kind
from local.emulators.servicebus.admin.errors import BadRequest, Conflict, NotFound
from local.emulators.servicebus.broker.message_queue import MessageQueue
from local.emulators.servicebus.broker.namespace import Namespace
from local.emulators.servicebus.broker.rules.rule import Rule
from local.emulators.servicebus.broker.settings import (
    QueueSettings,
    SubscriptionSettings,
    TopicSettings,
)
from local.emulators.servicebus.broker.store import Store
from local.emulators.servicebus.broker.topic import SUBSCRIPTIONS, Subscription, Topic

_MAX_NAME_LENGTH = 260


class Administration:
    """Saves what it changes in the store, so that it survives a restart."""

    def __init__(self, namespace: Namespace, store: Store) -> None:
        self.namespace = namespace
        self._store = store

    def __repr__(self) -> str:
        return f"<Administration of {self.namespace!r}>"

    def restore(self) -> None:
        """Add the entities that were made at run time. Those of Config.json come first."""
        for path, record in sorted(self._store.entities()):
            kind, properties, rules = entity_records.read(record)
            settings = descriptions.read_settings(path, kind, properties)
            existing = self.namespace.find(path)
            if existing is not None:
                _configure(existing, settings)
                self.namespace.set_forwarding(existing)
                if isinstance(existing, Subscription):
                    existing.rules = {rule.name: rule for rule in rules}
            else:
                self._add(kind, settings, rules)

    def find(self, path: str) -> MessageQueue | None:
        """A queue, topic or subscription."""
        found = self.namespace.find(path)
        return found if found is not None and found.sub_queues else None

    def get_subscription(self, path: str) -> Subscription:
        found = self.find(path)
        if not isinstance(found, Subscription):
            raise NotFound(f"The messaging entity {path!r} could not be found.")
        return found

    # -- queues, topics and subscriptions ------------------------------------------------------

    def create(self, path: str, description: ET.Element) -> MessageQueue:
        """Raises BadRequest, Conflict and NotFound."""
        kind = _kind_of(description, path)
        _require_name(path.rpartition(SUBSCRIPTIONS)[2])
        if self.namespace.find(path) is not None:
            raise Conflict(f"The messaging entity {path!r} exists already.")
        settings = descriptions.read_settings(path, kind, descriptions.read_properties(description))
        default = description.find("{*}DefaultRuleDescription")
        rules = [Rule() if default is None else rule_xml.read(default)]
        entity = self._add(kind, settings, rules)
        self._save(entity)
        return entity

    def update(self, path: str, description: ET.Element) -> MessageQueue:
        """Raises BadRequest and NotFound."""
        kind = _kind_of(description, path)
        entity = self.find(path)
        if entity is None or kind_of(entity) is not kind:
            raise NotFound(f"The messaging entity {path!r} could not be found.")
        properties = descriptions.read_properties(description)
        descriptions.require_unchanged(kind, entity.settings, properties)
        _configure(entity, descriptions.read_settings(entity.path, kind, properties))
        self.namespace.set_forwarding(entity)
        self._save(entity)
        return entity

    def delete(self, path: str) -> None:
        """Raises NotFound."""
        entity = self.find(path)
        if entity is None:
            raise NotFound(f"The messaging entity {path!r} could not be found.")
        subscriptions = list(entity.subscriptions.values()) if isinstance(entity, Topic) else []
        for each in (entity, *subscriptions):
            self._store.save_entity(each.path, None)
        self.namespace.remove(entity)

    def _add(self, kind: Kind, settings: QueueSettings, rules: list[Rule]) -> MessageQueue:
        if kind is descriptions.QUEUE:
            return self.namespace.add_queue(settings)
        if kind is descriptions.TOPIC:
            return self.namespace.add_topic(TopicSettings(settings))
        topic_path, _, name = settings.name.partition(SUBSCRIPTIONS)
        topic = self.namespace.find(topic_path)
        if not isinstance(topic, Topic):
            raise NotFound(f"The topic {topic_path!r} could not be found.")
        settings = replace(settings, name=f"{topic.path}{SUBSCRIPTIONS}{name}")
        return self.namespace.add_subscription(topic, SubscriptionSettings(settings, tuple(rules)))

    # -- rules ---------------------------------------------------------------------------------

    def put_rule(self, path: str, name: str, description: ET.Element, *, exists: bool) -> Rule:
        """Raises BadRequest, Conflict and NotFound."""
        known = _find_rule(self.get_subscription(path).rules, name)
        if known is None and exists:
            raise _no_rule(path, name)
        if known is None or not exists:
            return self.add_rule(path, rule_xml.read(description, name))
        rule = rule_xml.read(description, known.name)
        self._set_rule(self.get_subscription(path), rule)
        return rule

    def add_rule(self, path: str, rule: Rule) -> Rule:
        """Raises BadRequest, Conflict and NotFound."""
        subscription = self.get_subscription(path)
        _require_name(rule.name)
        if _find_rule(subscription.rules, rule.name) is not None:
            raise Conflict(f"The rule {rule.name!r} exists already.")
        self._set_rule(subscription, rule)
        return rule

    def _set_rule(self, subscription: Subscription, rule: Rule) -> None:
        subscription.rules[rule.name] = rule
        self._save(subscription)

    def get_rule(self, path: str, name: str) -> Rule:
        """Raises NotFound."""
        rule = _find_rule(self.get_subscription(path).rules, name)
        if rule is None:
            raise _no_rule(path, name)
        return rule

    def delete_rule(self, path: str, name: str) -> None:
        """Raises NotFound."""
        rule = self.get_rule(path, name)
        subscription = self.get_subscription(path)
        del subscription.rules[rule.name]
        self._save(subscription)

    def _save(self, entity: MessageQueue) -> None:
        rules = entity.rules.values() if isinstance(entity, Subscription) else ()
        record = entity_records.write(kind_of(entity), entity.settings.properties, rules)
        self._store.save_entity(entity.path, record)


def _configure(entity: MessageQueue, settings: QueueSettings) -> None:
    for each in (entity, *entity.sub_queues):
        each.configure(settings)


def kind_of(entity: MessageQueue) -> Kind:
    if isinstance(entity, Topic):
        return descriptions.TOPIC
    return descriptions.SUBSCRIPTION if isinstance(entity, Subscription) else descriptions.QUEUE


def _kind_of(description: ET.Element, path: str) -> Kind:
    kind = descriptions.KINDS.get(description.tag.rpartition("}")[2])
    is_subscription = kind is descriptions.SUBSCRIPTION
    if kind is None or is_subscription != (SUBSCRIPTIONS in path):
        raise BadRequest("The description's kind does not fit the address.")
    return kind


def _find_rule(rules: Mapping[str, Rule], name: str) -> Rule | None:
    return next((rule for key, rule in rules.items() if key.casefold() == name.casefold()), None)


def _no_rule(path: str, name: str) -> NotFound:
    # The JavaScript SDK looks for these words.
    return NotFound(f"The messaging entity '{path}/Rules/{name}' could not be found.")


def _require_name(name: str) -> None:
    if not 0 < len(name) <= _MAX_NAME_LENGTH or any(sign in name for sign in "@?#*\\"):
        raise BadRequest(
            f"{name!r} is not a name: expected 1 to {_MAX_NAME_LENGTH} characters without any of "
            "@ ? # * \\."
        )
