"""host.json: the options that this host supports, and the names of those it ignores."""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from local.host.errors import HostError

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

_CORES = os.cpu_count() or 1


@dataclass(frozen=True, kw_only=True)
class HttpOptions:
    route_prefix: str = "api"
    #: None: no limit.
    max_outstanding_requests: int | None = None


@dataclass(frozen=True, kw_only=True)
class BlobOptions:
    max_degree_of_parallelism: int = 8 * _CORES
    poison_blob_threshold: int = 5


@dataclass(frozen=True, kw_only=True)
class ServiceBusOptions:
    prefetch_count: int = 0
    auto_complete_messages: bool = True
    max_auto_lock_renewal_s: float = 300.0
    max_concurrent_calls: int = 16 * _CORES
    max_message_batch_size: int = 1000
    min_message_batch_size: int = 1
    max_batch_wait_s: float = 30.0


@dataclass(frozen=True, kw_only=True)
class HostOptions:
    """host.json, with the real host's defaults."""

    #: None: no limit.
    function_timeout_s: float | None = 1800.0
    log_level: int = logging.INFO
    http: HttpOptions = field(default_factory=HttpOptions)
    blobs: BlobOptions = field(default_factory=BlobOptions)
    service_bus: ServiceBusOptions = field(default_factory=ServiceBusOptions)
    #: The names of settings that have no effect here.
    ignored: tuple[str, ...] = ()

    @classmethod
    def read(cls, path: Path) -> HostOptions:
        """Raises HostError if the file is missing, is not JSON or has a wrong value."""
        try:
            document = json.loads(path.read_text(encoding="utf-8-sig"))
        except FileNotFoundError:
            raise HostError(f'{path} is missing; it needs at least {{"version": "2.0"}}') from None
        except ValueError as error:
            raise HostError(f"{path} is not JSON: {error}") from error
        if not isinstance(document, dict):
            raise HostError(f"{path}: expected a JSON object")
        return cls.parse(document)

    @classmethod
    def parse(cls, document: dict[str, Any]) -> HostOptions:
        """Raises HostError."""
        root = _Section(document, "")
        root.read("version", _version)
        # The host has these extensions built in.
        root.read("extensionBundle", lambda value: value)
        extensions = root.section("extensions")
        http, blobs = extensions.section("http"), extensions.section("blobs")
        bus = extensions.section("serviceBus")
        timeout_s = root.read("functionTimeout", _timeout_s, 1800.0)
        options = cls(
            function_timeout_s=None if timeout_s < 0 else timeout_s,
            log_level=root.section("logging")
            .section("logLevel")
            .read("default", _log_level, logging.INFO),
            http=HttpOptions(
                route_prefix=http.read("routePrefix", _text, "api").strip("/"),
                max_outstanding_requests=http.read("maxOutstandingRequests", _limit, None),
            ),
        )
        options = replace(
            options, blobs=_blob_options(blobs), service_bus=_service_bus_options(bus)
        )
        return replace(options, ignored=tuple(root.unread()))


def _blob_options(blobs: _Section) -> BlobOptions:
    default = BlobOptions()
    return BlobOptions(
        max_degree_of_parallelism=blobs.read(
            "maxDegreeOfParallelism", _positive, default.max_degree_of_parallelism
        ),
        poison_blob_threshold=blobs.read(
            "poisonBlobThreshold", _positive, default.poison_blob_threshold
        ),
    )


def _service_bus_options(bus: _Section) -> ServiceBusOptions:
    default = ServiceBusOptions()
    options = ServiceBusOptions(
        prefetch_count=bus.read("prefetchCount", _count, default.prefetch_count),
        auto_complete_messages=bus.read(
            "autoCompleteMessages", _boolean, default.auto_complete_messages
        ),
        max_auto_lock_renewal_s=bus.read(
            "maxAutoLockRenewalDuration", _time_span_s, default.max_auto_lock_renewal_s
        ),
        max_concurrent_calls=bus.read(
            "maxConcurrentCalls", _positive, default.max_concurrent_calls
        ),
        max_message_batch_size=bus.read(
            "maxMessageBatchSize", _positive, default.max_message_batch_size
        ),
        min_message_batch_size=bus.read(
            "minMessageBatchSize", _positive, default.min_message_batch_size
        ),
        max_batch_wait_s=bus.read("maxBatchWaitTime", _time_span_s, default.max_batch_wait_s),
    )
    if options.min_message_batch_size > options.max_message_batch_size:
        raise HostError(
            "host.json, extensions.serviceBus: minMessageBatchSize "
            f"{options.min_message_batch_size} is above maxMessageBatchSize "
            f"{options.max_message_batch_size}"
        )
    return options


class _Section:
    """An object of host.json. It knows its place, for error messages, and which keys were read."""

    def __init__(self, values: dict[str, Any], place: str) -> None:
        self._values = {key.lower(): value for key, value in values.items()}
        self._names = {key.lower(): key for key in values}
        self._place = place
        self._read = set[str]()
        self._sections: dict[str, _Section] = {}

    def section(self, name: str) -> _Section:
        place = f"{self._place}{name}."
        value = self._values.get(name.lower())
        if value is not None and not isinstance(value, dict):
            raise HostError(
                f"host.json, {self._place}{name}: expected a JSON object, got {value!r}"
            )
        self._sections[name.lower()] = _Section(value or {}, place)
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
                f"host.json, {self._place}{name}: expected {error}, got {value!r}"
            ) from None


def _version(value: Any) -> str:
    if value != "2.0":
        raise ValueError("'2.0'")
    return "2.0"


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("a string")  # noqa: TRY004 - readers raise only ValueError
    return value


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false")  # noqa: TRY004 - as above
    return value


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError("a whole number from 0 up")
    return value


def _positive(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError("a whole number from 1 up")
    return value


def _limit(value: Any) -> int | None:
    """-1 means no limit."""
    if not isinstance(value, int) or isinstance(value, bool) or value < -1 or value == 0:
        raise ValueError("a whole number from 1 up, or -1 for no limit")
    return None if value == -1 else value


def _time_span_s(value: Any) -> float:
    found = _TIME_SPAN.fullmatch(value) if isinstance(value, str) else None
    if not found:
        raise ValueError("a time span like '00:05:00'")
    days, hours, minutes, seconds, fraction = found.groups()
    whole = (int(days or 0) * 24 + int(hours)) * 3600 + int(minutes) * 60 + int(seconds)
    return whole + float(fraction or 0)


def _timeout_s(value: Any) -> float:
    """'-1' means no limit, and is returned as -1.0."""
    if value in ("-1", -1):
        return -1.0
    if not (seconds := _time_span_s(value)):
        raise ValueError("a time span above zero, or '-1' for no limit")
    return seconds


def _log_level(value: Any) -> int:
    level = LOG_LEVELS.get(value.lower()) if isinstance(value, str) else None
    if level is None:
        raise ValueError(f"one of {', '.join(name.title() for name in LOG_LEVELS)}")
    return level
