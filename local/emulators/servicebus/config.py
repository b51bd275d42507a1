"""Reads Config.json, in the format of Microsoft's Service Bus emulator."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.emulators.servicebus import config_rules
from local.emulators.servicebus.broker.settings import (
    QueueSettings,
    SubscriptionSettings,
    TopicSettings,
)
from local.emulators.servicebus.broker.topic import SUBSCRIPTIONS
from local.emulators.servicebus.config_values import (
    ConfigError,
    duration_ms,
    flag,
    lock_duration_ms,
    member,
    optional,
    path,
    positive,
)

#: From here on a time to live means "for ever"; Service Bus writes TimeSpan.MaxValue, 29,247 years.
FOR_EVER_MS = 10_000 * 365 * 86_400_000

DUPLICATE_WINDOW_MS = 60_000
_MAX_NAME_LENGTH = 260


@dataclass(frozen=True, slots=True)
class Config:
    queues: tuple[QueueSettings, ...]
    topics: tuple[TopicSettings, ...] = ()


def load(file: Path) -> Config:
    """Raises ConfigError."""
    try:
        document = json.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise ConfigError(f"{file} is not JSON: {error}.") from error
    try:
        return _config(document)
    except ConfigError as error:
        raise ConfigError(f"{file}: {error}") from error


def _config(document: Any) -> Config:
    user = member(document, "the file", "UserConfig", dict)
    namespaces = member(user, "UserConfig", "Namespaces", list)
    if len(namespaces) != 1:
        raise ConfigError(f"Namespaces has {len(namespaces)} entries, expected exactly one.")
    (namespace,) = namespaces
    queues = tuple(_settings(entry, "queue") for entry in _entries(namespace, "Queues"))
    topics = tuple(_topic(entry) for entry in _entries(namespace, "Topics"))
    _require_distinct("queues and topics", [*queues, *(topic.queue for topic in topics)])
    if not queues and not topics:
        raise ConfigError("Queues is empty or missing, expected at least one queue or topic.")
    return Config(queues, topics)


def _entries(namespace: Any, key: str) -> list[Any]:
    return optional(namespace, "the namespace", key, list) or []


def _topic(entry: Any) -> TopicSettings:
    settings = _settings(entry, "topic")
    where = f"topic {settings.name!r}"
    subscriptions = tuple(
        _subscription(each, settings.name, where)
        for each in optional(entry, where, "Subscriptions", list) or []
    )
    _require_distinct(f"subscriptions of {where}", [each.queue for each in subscriptions])
    return TopicSettings(settings, subscriptions)


def _subscription(entry: Any, topic: str, where: str) -> SubscriptionSettings:
    settings = _settings(entry, "subscription", f"{topic}{SUBSCRIPTIONS}")
    rules = optional(entry, where, "Rules", list) or []
    if not rules:
        return SubscriptionSettings(settings)
    return SubscriptionSettings(settings, tuple(config_rules.read(each) for each in rules))


def _settings(entry: Any, kind: str, prefix: str = "") -> QueueSettings:
    name = _name(entry, kind)
    where = f"{kind} {name!r}"
    properties = optional(entry, where, "Properties", dict) or {}
    values = _values(properties, where)
    default = QueueSettings(name)
    ttl_ms = values.get("DefaultMessageTimeToLive", FOR_EVER_MS)
    window_ms = values.get("DuplicateDetectionHistoryTimeWindow", DUPLICATE_WINDOW_MS)
    return QueueSettings(
        name=prefix + name,
        lock_duration_ms=values.get("LockDuration", default.lock_duration_ms),
        max_delivery_count=values.get("MaxDeliveryCount", default.max_delivery_count),
        default_ttl_ms=ttl_ms if ttl_ms < FOR_EVER_MS else None,
        dead_letters_expired=values.get("DeadLetteringOnMessageExpiration", False),
        duplicate_window_ms=window_ms if values.get("RequiresDuplicateDetection") else None,
        requires_session=values.get("RequiresSession", False),
        forward_to=values.get("ForwardTo"),
        forward_dead_letters_to=values.get("ForwardDeadLetteredMessagesTo"),
        properties={key: _text(value) for key, value in properties.items()},
    )


def _name(entry: Any, kind: str) -> str:
    name = member(entry, f"a {kind}", "Name", str)
    if not 0 < len(name) <= _MAX_NAME_LENGTH or "$" in name or name != name.strip("/"):
        raise ConfigError(
            f"a {kind} cannot be named {name!r}, expected 1 to {_MAX_NAME_LENGTH} characters "
            "without '$' and without '/' at either end."
        )
    return name


def _values(properties: dict[str, Any], where: str) -> dict[str, Any]:
    """The converted values by name."""
    values = {}
    for key, value in properties.items():
        if key not in _READERS:
            raise ConfigError(
                f"{where} has the unknown property {key!r}, expected one of "
                f"{', '.join(sorted(_READERS))}."
            )
        values[key] = _READERS[key](value, where, key)
    return values


def _text(value: Any) -> str:
    return json.dumps(value) if isinstance(value, bool) else str(value)


def _require_distinct(kind: str, settings: list[QueueSettings]) -> None:
    names = set[str]()
    for each in _names(settings):
        if each.casefold() in names:
            raise ConfigError(f"two {kind} are named {each!r}.")
        names.add(each.casefold())


def _names(settings: list[QueueSettings]) -> Iterator[str]:
    return (each.name.rpartition(SUBSCRIPTIONS)[2] for each in settings)


_READERS: dict[str, Callable[[Any, str, str], Any]] = {
    "DeadLetteringOnMessageExpiration": flag,
    "DefaultMessageTimeToLive": duration_ms,
    "DuplicateDetectionHistoryTimeWindow": duration_ms,
    "ForwardDeadLetteredMessagesTo": path,
    "ForwardTo": path,
    "LockDuration": lock_duration_ms,
    "MaxDeliveryCount": positive,
    "RequiresDuplicateDetection": flag,
    "RequiresSession": flag,
}
