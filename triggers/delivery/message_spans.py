"""Spans of messages: of those that are scored, and of those that the app sends.

Attributes follow the conventions for messaging and for Service Bus.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import replace

import orjson

from inference.request import Request
from inference.tracing import spans
from inference.tracing.spans import Carrier
from triggers.bus_entity import BusEntity

SYSTEM = "servicebus"
#: How Azure's SDKs and the Functions host name `traceparent` on a message.
DIAGNOSTIC_ID = "Diagnostic-Id"


def create(queue: BusEntity, message_id: str) -> AbstractContextManager[object]:
    """A block that makes a message. Its span is the parent of that which processes the message."""
    attributes = _attributes("create", queue.name) | {"messaging.message.id": message_id}
    return spans.span(f"create {queue.name}", attributes, kind="producer")


def process(
    queue: BusEntity, request: Request, delivery_count: int
) -> AbstractContextManager[object]:
    """A block that scores a message."""
    attributes = _attributes("process", queue.name) | {
        "messaging.message.id": request.references.get("message_id", request.id),
        "messaging.servicebus.message.delivery_count": delivery_count,
    }
    if queue.subscription:
        attributes["messaging.destination.subscription.name"] = queue.subscription
    return spans.process(f"process {queue.name}", request.headers, attributes)


def with_reference(request: Request, trace: Carrier) -> Request:
    """The request, whose result document names the span: an output binding sends no property."""
    return replace(request, references={**request.references, **header(trace)})


def header(trace: Carrier) -> Mapping[str, str]:
    """The header or the field of a document that names a span."""
    parent = trace.get("traceparent")
    return {"traceparent": parent} if parent else {}


def of_document(document: str) -> Carrier:
    """The span that a result document names; empty if nothing is traced."""
    return {} if spans.recorder is None else header(orjson.loads(document))


def properties(trace: Carrier) -> dict[str, str] | None:
    """A message's application properties for a span; None if nothing is traced."""
    parent = trace.get("traceparent")
    return {**trace, DIAGNOSTIC_ID: parent} if parent else None


def _attributes(operation: str, queue: str) -> dict[str, str | int]:
    return {
        "messaging.system": SYSTEM,
        "messaging.destination.name": queue,
        "messaging.operation.name": operation,
        "messaging.operation.type": operation,
    }
