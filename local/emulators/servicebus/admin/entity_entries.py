"""Describes entities and their counts, as entries of the administration API."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from local.emulators.servicebus.admin import rule_xml
from local.emulators.servicebus.admin.administration import kind_of
from local.emulators.servicebus.admin.atom import COUNTS, Entry, tag, time_text
from local.emulators.servicebus.admin.descriptions import write_description
from local.emulators.servicebus.broker.message import State
from local.emulators.servicebus.broker.message_queue import MessageQueue
from local.emulators.servicebus.broker.rules.filters import (
    ConstantFilter,
    CorrelationFilter,
    SqlFilter,
)
from local.emulators.servicebus.broker.rules.rule import Rule
from local.emulators.servicebus.broker.topic import SUBSCRIPTIONS, Topic


def describe_entity(entity: MessageQueue, root: str, now_ms: int) -> Entry:
    """`root` is the namespace's address."""
    computed = [
        _field(name, time_text(now_ms)) for name in ("CreatedAt", "UpdatedAt", "AccessedAt")
    ]
    computed += [_field("SizeInBytes", "0"), _field("MessageCount", str(message_count(entity)))]
    computed.append(_count_details(entity))
    if isinstance(entity, Topic):
        computed += _topic_counts(entity)
    description = write_description(kind_of(entity), entity.settings, computed)
    title = entity.path.rpartition(SUBSCRIPTIONS)[2]
    return Entry(title, f"{root}/{entity.path}", description)


def describe_rule(rule: Rule, url: str, now_ms: int) -> Entry:
    return Entry(rule.name, url, rule_xml.write(rule, now_ms))


def describe_namespace(name: str, root: str, now_ms: int) -> Entry:
    info = ET.Element(tag("NamespaceInfo"))
    for key, value in (
        ("CreatedTime", time_text(now_ms)),
        ("MessagingSKU", "Standard"),
        ("ModifiedTime", time_text(now_ms)),
        ("Name", name),
        ("NamespaceType", "Messaging"),
    ):
        info.append(_field(key, value))
    return Entry(name, f"{root}/$namespaceinfo", info)


def message_count(entity: MessageQueue) -> int:
    return len(entity) + sum(len(each) for each in entity.sub_queues)


def _count_details(entity: MessageQueue) -> ET.Element:
    counts = entity.counts()
    details = ET.Element(tag("CountDetails"))
    for name, value in (
        # As Service Bus counts: a deferred message is an active one.
        ("ActiveMessageCount", counts[State.ACTIVE] + counts[State.DEFERRED]),
        ("DeadLetterMessageCount", _size(entity.dead_letters)),
        ("ScheduledMessageCount", counts[State.SCHEDULED]),
        ("TransferMessageCount", 0),
        ("TransferDeadLetterMessageCount", _size(entity.transfer_dead_letters)),
    ):
        ET.SubElement(details, tag(name, COUNTS)).text = str(value)
    return details


def _topic_counts(topic: Topic) -> list[ET.Element]:
    filters = [rule.filter for each in topic.subscriptions.values() for rule in each.rules.values()]
    # Service Bus counts the filter of all messages as SQL: it is 1=1.
    sql = sum(isinstance(each, SqlFilter | ConstantFilter) for each in filters)
    correlation = sum(isinstance(each, CorrelationFilter) for each in filters)
    return [
        _field("SubscriptionCount", str(len(topic.subscriptions))),
        _field("SqlFilterCount", str(sql)),
        _field("CorrelationFilterCount", str(correlation)),
    ]


def _field(name: str, text: str) -> ET.Element:
    element = ET.Element(tag(name))
    element.text = text
    return element


def _size(queue: object) -> int:
    return len(queue) if isinstance(queue, MessageQueue) else 0
