"""Turns traces on, by OpenTelemetry's own environment variables.

They are exported by OTLP over HTTP where an endpoint is set, and by whatever the platform's worker
has set up, which is Azure Monitor with PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY=true. The SDK
reads all other variables itself: sampler, limits, resource, headers, propagators.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING

from inference.tracing import spans

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

log = logging.getLogger(__name__)

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
EXPORTER, DISABLED = "OTEL_TRACES_EXPORTER", "OTEL_SDK_DISABLED"
AZURE_MONITOR = "PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY"
#: The platform's own spans are OpenTelemetry's with this value: it overrides host.json.
TELEMETRY_MODE = "AzureFunctionsJobHost__telemetryMode"

SDK, OTLP = "opentelemetry.sdk.trace", "opentelemetry.exporter.otlp.proto.http"

#: Seconds in which a stopping process exports its last spans.
FLUSH_S = 3.0

#: The provider that this module made, if it made one.
_made: TracerProvider | None = None


def configure(env: Mapping[str, str]) -> None:
    """Make `spans.recorder`, if traces are asked for and can be exported. Logs why they can't."""
    global _made  # noqa: PLW0603 - one a process, as OpenTelemetry's own
    by_otlp, by_monitor = _asks_for_otlp(env), is_true(env, AZURE_MONITOR)
    if is_true(env, DISABLED) or not (by_otlp or by_monitor):
        return
    if missing := _missing_package(by_otlp=by_otlp):
        log.warning("no traces: the package %s is not installed (see docs/tracing.md)", missing)
        return
    from opentelemetry import trace  # noqa: PLC0415 - it takes 0.1 s
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - as above

    from inference.tracing import otlp  # noqa: PLC0415 - as above
    from inference.tracing.recorder import SCOPE, Recorder  # noqa: PLC0415 - as above

    provider = trace.get_tracer_provider()
    if not isinstance(provider, TracerProvider):  # the worker has set up none
        if not by_otlp:
            log.warning("no traces: the worker did not set up Azure Monitor (its log says why)")
            return
        _made = provider = TracerProvider(resource=otlp.resource(env), shutdown_on_exit=False)
        trace.set_tracer_provider(provider)
    if by_otlp:
        provider.add_span_processor(otlp.processor())
    # Azure Monitor gets the platform's spans in each of its modes.
    follows = by_monitor or env.get(TELEMETRY_MODE, "").lower() == "opentelemetry"
    spans.recorder = Recorder(provider.get_tracer(SCOPE), follows_platform=follows)


async def close() -> None:
    """Export the last spans, for FLUSH_S at most."""
    if _made is None:
        return
    provider, loop, flushed = _made, asyncio.get_running_loop(), asyncio.Event()

    def flush() -> None:
        provider.shutdown()
        with contextlib.suppress(RuntimeError):  # the loop was closed
            loop.call_soon_threadsafe(flushed.set)

    # A thread of its own: the interpreter would wait for one of the event loop's.
    threading.Thread(target=flush, name="traces", daemon=True).start()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(FLUSH_S):
            await flushed.wait()


def is_true(env: Mapping[str, str], name: str) -> bool:
    return env.get(name, "").strip().lower() in ("true", "1")


def _asks_for_otlp(env: Mapping[str, str]) -> bool:
    """Whether spans are to be exported by OTLP. Logs a value that is not supported."""
    exporter = env.get(EXPORTER, "").strip().lower()
    has_endpoint = any(env.get(name) for name in ENDPOINTS)
    if exporter == "none" or not (exporter or has_endpoint):
        return False
    protocol = next((env[name] for name in PROTOCOLS if env.get(name)), "http/protobuf")
    for name, value, expected in (
        (EXPORTER, exporter or "otlp", "otlp"),
        (PROTOCOLS[1], protocol, "http/protobuf"),
    ):
        if value != expected:
            log.warning("no traces: %s: expected %s, got %s", name, expected, value)
            return False
    return True


def _missing_package(*, by_otlp: bool) -> str:
    """The one that is not installed; empty if none is missing."""
    needed = {SDK: "opentelemetry-sdk"}
    if by_otlp:
        needed[OTLP] = "opentelemetry-exporter-otlp-proto-http"
    return next((package for module, package in needed.items() if not _is_installed(module)), "")


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # nor is a package above it
        return False
