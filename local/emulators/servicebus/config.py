"""Reads Config.json, in the format of Microsoft's Service Bus emulator."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import isodate

from local.emulators.servicebus.broker.settings import QueueSettings

#: From here on a time to live means "for ever"; Service Bus writes TimeSpan.MaxValue, 29,247 years.
_FOR_EVER_MS = 10_000 * 365 * 86_400_000

_DUPLICATE_WINDOW_MS = 60_000
_MAX_LOCK_DURATION_MS = 5 * 60_000
_MAX_NAME_LENGTH = 260


class ConfigError(Exception):
    """One sentence: the file, the place in it, and what was expected."""


@dataclass(frozen=True, slots=True)
class Config:
    queues: tuple[QueueSettings, ...]


def load(path: Path) -> Config:
    """Raises ConfigError."""
    try:
        document = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise ConfigError(f"{path} is not JSON: {error}.") from error
    try:
        return Config(tuple(_queues(document)))
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def _queues(document: Any) -> Iterator[QueueSettings]:
    user = _member(document, "the file", "UserConfig", dict)
    namespaces = _member(user, "UserConfig", "Namespaces", list)
    if len(namespaces) != 1:
        raise ConfigError(f"Namespaces has {len(namespaces)} entries, expected exactly one.")
    (namespace,) = namespaces
    if _optional(namespace, "the namespace", "Topics", list):
        raise ConfigError("Topics is not empty; this emulator has queues only, so remove them.")
    names = set[str]()
    for entry in _optional(namespace, "the namespace", "Queues", list) or []:
        queue = _queue(entry)
        if queue.name.casefold() in names:
            raise ConfigError(f"there are two queues named {queue.name!r}.")
        names.add(queue.name.casefold())
        yield queue
    if not names:
        raise ConfigError("Queues is empty or missing, expected at least one queue.")


def _queue(entry: Any) -> QueueSettings:
    name = _name(entry)
    where = f"queue {name!r}"
    values = _properties(_optional(entry, where, "Properties", dict) or {}, where)
    default = QueueSettings(name)
    ttl_ms = values.get("DefaultMessageTimeToLive", _FOR_EVER_MS)
    window_ms = values.get("DuplicateDetectionHistoryTimeWindow", _DUPLICATE_WINDOW_MS)
    return QueueSettings(
        name=name,
        lock_duration_ms=values.get("LockDuration", default.lock_duration_ms),
        max_delivery_count=values.get("MaxDeliveryCount", default.max_delivery_count),
        default_ttl_ms=ttl_ms if ttl_ms < _FOR_EVER_MS else None,
        dead_letters_expired=values.get("DeadLetteringOnMessageExpiration", False),
        duplicate_window_ms=window_ms if values.get("RequiresDuplicateDetection") else None,
        requires_session=values.get("RequiresSession", False),
    )


def _name(entry: Any) -> str:
    name = _member(entry, "a queue", "Name", str)
    if not 0 < len(name) <= _MAX_NAME_LENGTH or "$" in name or name != name.strip("/"):
        raise ConfigError(
            f"a queue cannot be named {name!r}, expected 1 to {_MAX_NAME_LENGTH} characters "
            "without '$' and without '/' at either end."
        )
    return name


def _properties(properties: dict[str, Any], where: str) -> dict[str, Any]:
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


def _member[T](holder: Any, where: str, key: str, kind: type[T]) -> T:
    value = _optional(holder, where, key, kind)
    if value is None:
        raise ConfigError(f"{where} has no {key}.")
    return value


def _optional[T](holder: Any, where: str, key: str, kind: type[T]) -> T | None:
    if not isinstance(holder, dict):
        raise ConfigError(f"{where} is not a JSON object.")
    value = holder.get(key)
    if value is not None and not isinstance(value, kind):
        raise ConfigError(f"{key} of {where} is not a JSON {_JSON_NAMES[kind]}.")
    return value


def _flag(value: Any, where: str, key: str) -> bool:
    if not isinstance(value, bool):
        raise ConfigError(f"{key} of {where} is {json.dumps(value)}, expected true or false.")
    return value


def _duration_ms(value: Any, where: str, key: str) -> int:
    """Milliseconds. Months and years are refused: their length varies."""
    try:
        duration = isodate.parse_duration(value)
    except (isodate.ISO8601Error, TypeError, ValueError, OverflowError):
        duration = None
    if not isinstance(duration, timedelta) or duration <= timedelta(0):
        raise ConfigError(
            f"{key} of {where} is {json.dumps(value)}, expected an ISO 8601 duration of days, "
            "hours, minutes and seconds, for example PT1M or P14D."
        )
    return round(duration / timedelta(milliseconds=1))


def _lock_duration_ms(value: Any, where: str, key: str) -> int:
    milliseconds = _duration_ms(value, where, key)
    if milliseconds > _MAX_LOCK_DURATION_MS:
        raise ConfigError(
            f"{key} of {where} is {json.dumps(value)}, expected at most five minutes (PT5M)."
        )
    return milliseconds


def _positive(value: Any, where: str, key: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ConfigError(
            f"{key} of {where} is {json.dumps(value)}, expected a whole number from 1 up."
        )
    return value


def _unsupported(value: Any, where: str, key: str) -> None:
    """Microsoft's own file has these with false or an empty name."""
    if value:
        raise ConfigError(f"{where} sets {key}, which this emulator does not support: remove it.")


_JSON_NAMES: dict[type, str] = {dict: "object", list: "array", str: "string"}

_READERS: dict[str, Callable[[Any, str, str], Any]] = {
    "DeadLetteringOnMessageExpiration": _flag,
    "DefaultMessageTimeToLive": _duration_ms,
    "DuplicateDetectionHistoryTimeWindow": _duration_ms,
    "ForwardDeadLetteredMessagesTo": _unsupported,
    "ForwardTo": _unsupported,
    "LockDuration": _lock_duration_ms,
    "MaxDeliveryCount": _positive,
    "RequiresDuplicateDetection": _flag,
    "RequiresSession": _flag,
}
