"""Descriptions of queues, topics and subscriptions: their properties as text, and as settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from xml.etree import ElementTree as ET

import isodate

from local.emulators.servicebus.admin.atom import local_name, tag
from local.emulators.servicebus.admin.errors import BadRequest
from local.emulators.servicebus.broker.settings import QueueSettings
from local.emulators.servicebus.config import FOR_EVER_MS
from local.emulators.servicebus.sas import path_of

_FOR_EVER = "P10675199DT2H48M5.4775807S"

_COMMON = {
    "DefaultMessageTimeToLive": _FOR_EVER,
    "EnableBatchedOperations": "true",
    "Status": "Active",
    "AutoDeleteOnIdle": _FOR_EVER,
    "EntityAvailabilityStatus": "Available",
}
_RECEIVED_FROM = {
    "LockDuration": "PT1M",
    "RequiresSession": "false",
    "DeadLetteringOnMessageExpiration": "false",
    "MaxDeliveryCount": "10",
}
_SENT_TO = {
    "MaxSizeInMegabytes": "1024",
    "RequiresDuplicateDetection": "false",
    "DuplicateDetectionHistoryTimeWindow": "PT10M",
    "IsAnonymousAccessible": "false",
    "SupportOrdering": "true",
    "EnablePartitioning": "false",
    "EnableExpress": "false",
    "MaxMessageSizeInKilobytes": "256",
}
#: Elements that a client may send, but that the namespace computes.
_COMPUTED = {
    *("CountDetails", "MessageCount", "SizeInBytes", "CreatedAt", "UpdatedAt", "AccessedAt"),
    *("SubscriptionCount", "SqlFilterCount", "CorrelationFilterCount", "DefaultRuleDescription"),
}
#: What an update may not change.
_FIXED = ("RequiresSession", "RequiresDuplicateDetection", "EnablePartitioning")
_FLAGS = {"true": True, "false": False}
_STATUSES = ("Active", "Disabled", "SendDisabled", "ReceiveDisabled")
_MAX_LOCK_MS, _MAX_DELIVERIES = 5 * 60_000, 2000
_MIN_IDLE_MS = 5 * 60_000
_MIN_WINDOW_MS, _MAX_WINDOW_MS = 20_000, 7 * 86_400_000


@dataclass(frozen=True, slots=True)
class Kind:
    """`name` is that of the XML element, `defaults` what it has unless a client says else."""

    name: str
    defaults: Mapping[str, str]


QUEUE = Kind("QueueDescription", _COMMON | _RECEIVED_FROM | _SENT_TO)
TOPIC = Kind(
    "TopicDescription",
    _COMMON | _SENT_TO | {"FilteringMessagesBeforePublishing": "false"},
)
SUBSCRIPTION = Kind(
    "SubscriptionDescription",
    _COMMON | _RECEIVED_FROM | {"DeadLetteringOnFilterEvaluationExceptions": "true"},
)
KINDS = {kind.name: kind for kind in (QUEUE, TOPIC, SUBSCRIPTION)}


def read_properties(description: ET.Element) -> dict[str, str]:
    """The properties that a client set. Authorization rules are kept as XML."""
    properties = {}
    for element in description:
        name = local_name(element)
        if name in _COMPUTED:
            continue
        if len(element):
            properties[name] = ET.tostring(element, encoding="unicode")
        elif element.text:
            properties[name] = element.text
    return properties


def write_description(
    kind: Kind, settings: QueueSettings, computed: list[ET.Element]
) -> ET.Element:
    description = ET.Element(tag(kind.name))
    for name, value in {**kind.defaults, **settings.properties}.items():
        if value.startswith("<"):
            description.append(ET.fromstring(value))  # noqa: S314 - written above
        else:
            ET.SubElement(description, tag(name)).text = value
    description.extend(computed)
    return description


def require_unchanged(kind: Kind, before: QueueSettings, after: Mapping[str, str]) -> None:
    """Raises BadRequest if an update changes what it may not."""
    for name in _FIXED:
        default = kind.defaults.get(name, "")
        if before.properties.get(name, default) != after.get(name, default):
            raise BadRequest(f"{name} cannot be changed after the entity was made.")


def read_settings(path: str, kind: Kind, given: Mapping[str, str]) -> QueueSettings:
    """Raises BadRequest."""
    properties = {**kind.defaults, **given}
    ttl_ms = _duration_ms(properties, "DefaultMessageTimeToLive")
    lock_ms = _duration_ms(properties, "LockDuration")
    window_ms = _duration_ms(properties, "DuplicateDetectionHistoryTimeWindow")
    _between(window_ms, "DuplicateDetectionHistoryTimeWindow", _MIN_WINDOW_MS, _MAX_WINDOW_MS)
    has_window = _flag(properties, "RequiresDuplicateDetection")
    if properties["Status"] not in _STATUSES:
        raise BadRequest(f"Status is {properties['Status']!r}, expected one of {_STATUSES}.")
    idle_ms = _duration_ms(properties, "AutoDeleteOnIdle")
    if idle_ms < _MIN_IDLE_MS:
        raise BadRequest("AutoDeleteOnIdle is out of range: expected at least PT5M.")
    _check_message_size(given)
    return QueueSettings(
        name=path,
        lock_duration_ms=_between(lock_ms, "LockDuration", 1, _MAX_LOCK_MS),
        max_delivery_count=_between(
            _number(properties, "MaxDeliveryCount", "10"), "MaxDeliveryCount", 1, _MAX_DELIVERIES
        ),
        default_ttl_ms=ttl_ms if ttl_ms < FOR_EVER_MS else None,
        dead_letters_expired=_flag(properties, "DeadLetteringOnMessageExpiration"),
        duplicate_window_ms=window_ms if has_window else None,
        requires_session=_flag(properties, "RequiresSession"),
        forward_to=path_of(properties.get("ForwardTo", "")) or None,
        forward_dead_letters_to=path_of(properties.get("ForwardDeadLetteredMessagesTo", ""))
        or None,
        auto_delete_ms=idle_ms if idle_ms < FOR_EVER_MS else None,
        properties=dict(given),
    )


def _check_message_size(given: Mapping[str, str]) -> None:
    if "MaxMessageSizeInKilobytes" in given:
        size = _number(given, "MaxMessageSizeInKilobytes", "256")
        if size != 256:
            raise BadRequest(
                "MaxMessageSizeInKilobytes needs a Premium namespace; this is a Standard one."
            )


def _target(properties: Mapping[str, str], name: str) -> str | None:
    return path_of(properties.get(name, "")) or None


def _flag(properties: Mapping[str, str], name: str) -> bool:
    text = properties.get(name, "false").strip().lower()
    if text not in _FLAGS:
        raise BadRequest(f"{name} is {text!r}, expected true or false.")
    return _FLAGS[text]


def _number(properties: Mapping[str, str], name: str, default: str) -> int:
    text = properties.get(name, default)
    if not text.isdecimal():
        raise BadRequest(f"{name} is {text!r}, expected a whole number.")
    return int(text)


def _duration_ms(properties: Mapping[str, str], name: str) -> int:
    text = properties.get(name, "PT1M")
    try:
        duration = isodate.parse_duration(text)
    except (isodate.ISO8601Error, ValueError, OverflowError):
        duration = None
    if not isinstance(duration, timedelta) or duration <= timedelta(0):
        raise BadRequest(f"{name} is {text!r}, expected an ISO 8601 duration, for example PT1M.")
    return round(duration / timedelta(milliseconds=1))


def _between(value: int, name: str, lowest: int, highest: int) -> int:
    if not lowest <= value <= highest:
        raise BadRequest(f"{name} is out of range: it is {value}, expected {lowest} to {highest}.")
    return value
