"""Reads the sections and values of host.json. Errors name the value's place in the file."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterator
from typing import Any

from local.host.errors import HostError

_WHOLE = re.compile(r"\s*[+-]?[0-9]{1,10}\s*")
_TIME_SPAN = re.compile(r"(?:(\d+)\.)?(\d{1,2}):(\d{2}):(\d{2})(\.\d{1,7})?")

#: .NET's level names.
LOG_LEVELS = {
    "trace": logging.DEBUG,
    "debug": logging.DEBUG,
    "information": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
    "none": logging.CRITICAL + 10,
}


class Section:
    """An object of host.json. It knows its place, for error messages, and which keys were read."""

    def __init__(self, values: dict[str, Any], place: str) -> None:
        self._values = {key.lower(): value for key, value in values.items()}
        self._names = {key.lower(): key for key in values}
        self._place = place
        self._read = set[str]()
        self._sections: dict[str, Section] = {}

    def section(self, name: str) -> Section:
        place = f"{self._place}{name}."
        value = self._values.get(name.lower())
        if value is not None and not isinstance(value, dict):
            raise HostError(
                f"host.json, {self._place}{name}: expected a JSON object, got {json.dumps(value)}"
            )
        self._sections[name.lower()] = Section(value or {}, place)
        return self._sections[name.lower()]

    def unread(self) -> Iterator[str]:
        """The names of values, here and in subsections, that were not read."""
        for key, name in self._names.items():
            if key in self._sections:
                yield from self._sections[key].unread()
            elif key not in self._read and self._values[key] is not None:
                yield f"{self._place}{name}"

    def read[T, D](self, name: str, read: Callable[[Any], T], default: D = None) -> T | D:  # type: ignore[assignment] # no default: absent is None
        self._read.add(name.lower())
        if (value := self._values.get(name.lower())) is None:
            return default
        try:
            return read(value)
        except ValueError as error:
            raise HostError(
                f"host.json, {self._place}{name}: expected {error}, got {json.dumps(value)}"
            ) from None


def read_version(value: Any) -> str:
    if value != "2.0":
        raise ValueError('"2.0"')
    return "2.0"


def read_text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("a string")  # noqa: TRY004 - readers raise only ValueError
    return value


def read_boolean(value: Any) -> bool:
    """Also as a text: the real host makes texts of all values before it reads them."""
    if isinstance(value, str):
        value = {"true": True, "false": False}.get(value.lower())
    if not isinstance(value, bool):
        raise ValueError("true or false")  # noqa: TRY004 - as above
    return value


def read_count(value: Any) -> int:
    number = _whole_number(value)
    if number is None or number < 0:
        raise ValueError("a whole number from 0 up")
    return number


def read_positive(value: Any) -> int:
    number = _whole_number(value)
    if number is None or number < 1:
        raise ValueError("a whole number from 1 up")
    return number


def read_limit(value: Any) -> int | None:
    """-1 means no limit."""
    number = _whole_number(value)
    if number is None or number < -1 or number == 0:
        raise ValueError("a whole number from 1 up, or -1 for no limit")
    return None if number == -1 else number


def _whole_number(value: Any) -> int | None:
    """Also of a text, as the real host reads it."""
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def read_time_span_s(value: Any) -> float:
    found = _TIME_SPAN.fullmatch(value) if isinstance(value, str) else None
    if not found:
        raise ValueError('a time span like "00:05:00"')
    days, hours, minutes, seconds, fraction = found.groups()
    whole = (int(days or 0) * 24 + int(hours)) * 3600 + int(minutes) * 60 + int(seconds)
    return whole + float(fraction or 0)


def read_timeout_s(value: Any) -> float:
    """'-1' means no limit, and is returned as -1.0."""
    if value in ("-1", -1):
        return -1.0
    if not (seconds := read_time_span_s(value)):
        raise ValueError('a time span above zero, or "-1" for no limit')
    return seconds


def read_log_level(value: Any) -> int:
    level = LOG_LEVELS.get(value.lower()) if isinstance(value, str) else None
    if level is None:
        raise ValueError(f"one of {', '.join(name.title() for name in LOG_LEVELS)}")
    return level
