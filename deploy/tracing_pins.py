"""The packages that export traces, which an app has only if it asks for them (docs/tracing.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from deploy import pins
from deploy.errors import Refused
from deploy.pins import Pin

#: By the value of --tracing. The first are those of the extra `tracing` in pyproject.toml.
PACKAGES: Mapping[str, Sequence[str]] = {
    "otlp": ("opentelemetry-sdk==1.45.2", "opentelemetry-exporter-otlp-proto-http==1.45.2"),
    "azure-monitor": ("azure-monitor-opentelemetry==1.8.11",),
}


def of(tracing: str | None) -> list[Pin]:
    """The pins that an app needs to export traces so; none without `tracing`.

    Raises Refused for another value.
    """
    if not tracing:
        return []
    if tracing not in PACKAGES:
        raise Refused(f"--tracing {tracing}: expected one of {', '.join(PACKAGES)}")
    return [pins.parse(line) for line in PACKAGES[tracing]]
