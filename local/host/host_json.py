"""host.json: the options that this host supports, and the names of those it ignores."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from local.host import json_with_comments
from local.host.errors import HostError
from local.host.json_section import (
    Section,
    read_boolean,
    read_count,
    read_limit,
    read_log_level,
    read_positive,
    read_text,
    read_time_span_s,
    read_timeout_s,
    read_version,
)

_CORES = os.cpu_count() or 1
#: `AzureFunctionsJobHost__extensions__blobs__maxDegreeOfParallelism` overrides that value.
OVERRIDE = "AzureFunctionsJobHost"


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
    max_concurrent_sessions: int = 8
    #: How long a session without messages is kept.
    session_idle_s: float = 60.0


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
    def read(cls, path: Path, env: Mapping[str, str]) -> HostOptions:
        """Settings in `env` override values of the file, as in Azure.

        Raises HostError if the file is missing, is not JSON or has a wrong value.
        """
        try:
            document = json_with_comments.parse(path.read_bytes())
        except FileNotFoundError:
            raise HostError(f'{path} is missing; it needs at least {{"version": "2.0"}}') from None
        except ValueError as error:
            raise HostError(f"{path} is not JSON: {error}") from error
        if not isinstance(document, dict):
            raise HostError(f"{path}: expected a JSON object")
        for name, text in env.items():
            prefix, *keys = name.split("__")
            if prefix.lower() == OVERRIDE.lower() and keys:
                _set(document, keys, text)
        return cls.parse(document)

    @classmethod
    def parse(cls, document: dict[str, Any]) -> HostOptions:
        """Raises HostError."""
        root = Section(document, "")
        root.read("version", read_version)
        # The host has these extensions built in.
        root.read("extensionBundle", lambda value: value)
        log_levels = root.section("logging").section("logLevel")
        extensions = root.section("extensions")
        timeout_s = root.read("functionTimeout", read_timeout_s, 1800.0)
        options = cls(
            function_timeout_s=None if timeout_s < 0 else timeout_s,
            log_level=log_levels.read("default", read_log_level, logging.INFO),
            http=_http_options(extensions.section("http")),
            blobs=_blob_options(extensions.section("blobs")),
            service_bus=_service_bus_options(extensions.section("serviceBus")),
        )
        return replace(options, ignored=tuple(root.unread()))


def _set(section: dict[str, Any], keys: list[str], text: str) -> None:
    """Set a value in nested objects. Case does not matter in names."""
    first, *others = keys
    name = next((each for each in section if each.lower() == first.lower()), first)
    if not others:
        section[name] = text
        return
    if not isinstance(section.get(name), dict):
        section[name] = {}
    _set(section[name], others, text)


def _http_options(http: Section) -> HttpOptions:
    return HttpOptions(
        route_prefix=http.read("routePrefix", read_text, "api").strip("/"),
        max_outstanding_requests=http.read("maxOutstandingRequests", read_limit, None),
    )


def _blob_options(blobs: Section) -> BlobOptions:
    default = BlobOptions()
    return BlobOptions(
        max_degree_of_parallelism=blobs.read(
            "maxDegreeOfParallelism", read_positive, default.max_degree_of_parallelism
        ),
        poison_blob_threshold=blobs.read(
            "poisonBlobThreshold", read_positive, default.poison_blob_threshold
        ),
    )


def _service_bus_options(bus: Section) -> ServiceBusOptions:
    default = ServiceBusOptions()
    options = ServiceBusOptions(
        prefetch_count=bus.read("prefetchCount", read_count, default.prefetch_count),
        auto_complete_messages=bus.read(
            "autoCompleteMessages", read_boolean, default.auto_complete_messages
        ),
        max_auto_lock_renewal_s=bus.read(
            "maxAutoLockRenewalDuration", read_time_span_s, default.max_auto_lock_renewal_s
        ),
        max_concurrent_calls=bus.read(
            "maxConcurrentCalls", read_positive, default.max_concurrent_calls
        ),
        max_message_batch_size=bus.read(
            "maxMessageBatchSize", read_positive, default.max_message_batch_size
        ),
        min_message_batch_size=bus.read(
            "minMessageBatchSize", read_positive, default.min_message_batch_size
        ),
        max_batch_wait_s=bus.read("maxBatchWaitTime", read_time_span_s, default.max_batch_wait_s),
        max_concurrent_sessions=bus.read(
            "maxConcurrentSessions", read_positive, default.max_concurrent_sessions
        ),
        session_idle_s=bus.read("sessionIdleTimeout", read_time_span_s, default.session_idle_s),
    )
    if options.min_message_batch_size > options.max_message_batch_size:
        raise HostError(
            "host.json, extensions.serviceBus: minMessageBatchSize "
            f"{options.min_message_batch_size} is above maxMessageBatchSize "
            f"{options.max_message_batch_size}"
        )
    return options
