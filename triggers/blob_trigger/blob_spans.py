"""The span of a blob: a child of the one that its metadata names."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import replace

from inference.tracing import spans
from triggers.blob_trigger.blob_work import BlobWork
from triggers.delivery import message_spans

#: Names of metadata, which must be identifiers: Diagnostic-Id can't be one.
_NAMES = ("traceparent", "tracestate", "baggage")


def process(work: BlobWork) -> AbstractContextManager[object]:
    """A block that scores a version of a blob."""
    metadata = {name.lower(): text for name, text in (work.properties.metadata or {}).items()}
    sent = {name: metadata[name] for name in _NAMES if name in metadata}
    properties = work.properties
    attributes: dict[str, str | int] = {
        "faas.trigger": "datasource",
        "faas.document.collection": properties.container,
        "faas.document.name": properties.name,
        "faas.document.operation": "edit",
        "triscore.request_id": work.request.id,
        "triscore.blob.bytes": properties.size,
    }
    return spans.process("score blob", sent, attributes)


def traced(work: BlobWork) -> BlobWork:
    """The work, whose result document names the current span."""
    if spans.recorder is None:
        return work
    request = message_spans.with_reference(work.request, spans.carrier())
    return replace(work, request=request)
