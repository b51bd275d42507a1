"""Reads typed values from Config.json, and names the place of a wrong one."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import isodate

_MAX_LOCK_DURATION_MS = 5 * 60_000

_JSON_NAMES: dict[type, str] = {dict: "object", list: "array", str: "string"}


class ConfigError(Exception):
    """One sentence: the file, the place in it, and what was expected."""


def member[T](holder: Any, where: str, key: str, kind: type[T]) -> T:
    value = optional(holder, where, key, kind)
    if value is None:
        raise ConfigError(f"{where} has no {key}.")
    return value


def optional[T](holder: Any, where: str, key: str, kind: type[T]) -> T | None:
    if not isinstance(holder, dict):
        raise ConfigError(f"{where} is not a JSON object.")
    value = holder.get(key)
    if value is not None and not isinstance(value, kind):
        raise ConfigError(f"{key} of {where} is not a JSON {_JSON_NAMES[kind]}.")
    return value


def flag(value: Any, where: str, key: str) -> bool:
    if not isinstance(value, bool):
        raise ConfigError(f"{key} of {where} is {json.dumps(value)}, expected true or false.")
    return value


def duration_ms(value: Any, where: str, key: str) -> int:
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


def lock_duration_ms(value: Any, where: str, key: str) -> int:
    milliseconds = duration_ms(value, where, key)
    if milliseconds > _MAX_LOCK_DURATION_MS:
        raise ConfigError(
            f"{key} of {where} is {json.dumps(value)}, expected at most five minutes (PT5M)."
        )
    return milliseconds


def positive(value: Any, where: str, key: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ConfigError(
            f"{key} of {where} is {json.dumps(value)}, expected a whole number from 1 up."
        )
    return value


def path(value: Any, where: str, key: str) -> str | None:
    """An entity's path; None for an empty text, which Microsoft's own file has."""
    if not isinstance(value, str):
        raise ConfigError(f"{key} of {where} is {json.dumps(value)}, expected an entity's name.")
    return value.strip("/") or None
