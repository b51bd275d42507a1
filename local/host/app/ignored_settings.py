"""The names of a binding's settings that have no effect in this host."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

#: Supported for every binding.
_COMMON = {"type", "direction", "name", "connection", "properties.SupportsDeferredBinding"}

#: Supported besides, by a binding's type and direction.
_SUPPORTED = {
    ("httpTrigger", "IN"): {"authLevel", "methods", "route"},
    ("blobTrigger", "IN"): {"path", "source"},
    ("blob", "IN"): {"path", "dataType"},
    ("blob", "OUT"): {"path"},
    ("serviceBusTrigger", "IN"): {
        *("queueName", "topicName", "subscriptionName", "isSessionsEnabled"),
        *("cardinality", "dataType", "autoCompleteMessages"),
    },
    ("serviceBus", "OUT"): {"queueName", "topicName"},
}


def find_ignored(raw: Mapping[str, Any]) -> Iterator[str]:
    """Settings of a raw binding that are set and not supported. False and empty count as unset."""
    kind = str(raw["type"]), str(raw.get("direction") or "IN").upper()
    supported = _COMMON | _SUPPORTED.get(kind, set())
    for name, value in _flatten(raw):
        if name not in supported and value not in (None, False, "", [], {}):
            yield f"{name} of binding {raw.get('name')}"


def _flatten(raw: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in raw.items():
        if name == "properties" and isinstance(value, Mapping):
            yield from ((f"properties.{inner}", each) for inner, each in value.items())
        else:
            yield name, value
