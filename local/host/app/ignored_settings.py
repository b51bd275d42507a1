"""What a binding asks for and does not get from this host, by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

#: What every binding may have.
_COMMON = {"type", "direction", "name", "connection", "properties.SupportsDeferredBinding"}

#: What bindings may have besides, by type and direction.
_HONOURED = {
    ("httpTrigger", "IN"): {"authLevel", "methods", "route"},
    ("blobTrigger", "IN"): {"path", "source"},
    ("blob", "IN"): {"path", "dataType"},
    ("blob", "OUT"): {"path"},
    ("serviceBusTrigger", "IN"): {"queueName", "cardinality", "dataType"},
    ("serviceBus", "OUT"): {"queueName"},
}


def of_binding(raw: Mapping[str, Any]) -> Iterator[str]:
    """Of a raw binding. What is off or absent is not asked for."""
    kind = str(raw["type"]), str(raw.get("direction") or "IN").upper()
    honoured = _COMMON | _HONOURED.get(kind, set())
    for name, value in _flat(raw):
        if name not in honoured and value not in (None, False, "", [], {}):
            yield f"{name} of binding {raw.get('name')}"


def _flat(raw: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in raw.items():
        if name == "properties" and isinstance(value, Mapping):
            yield from ((f"properties.{inner}", each) for inner, each in value.items())
        else:
            yield name, value
