"""Reads and writes the context of a trace: `traceparent`, `tracestate`, `baggage`.

OTEL_PROPAGATORS chooses other formats. A value that can't be read counts as absent.
"""

from __future__ import annotations

from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.trace import SpanContext

from inference.tracing.spans import Carrier

#: How Azure's SDKs and the Functions host name `traceparent` on a message.
DIAGNOSTIC_ID = "diagnostic-id"


def extract(carrier: Carrier) -> Context:
    """The context that a carrier names, by lower-case names. `traceparent` counts first."""
    context = propagate.extract(carrier, context=Context())
    if not span_context(context).is_valid and (named := carrier.get(DIAGNOSTIC_ID)):
        context = propagate.extract({**carrier, "traceparent": named}, context=Context())
    return context


def inject() -> dict[str, str]:
    """The current span as a carrier."""
    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    return carrier


def span_context(context: Context | None = None) -> SpanContext:
    """The span of a context, by default of the current one. Check its `is_valid`."""
    return trace.get_current_span(context).get_span_context()
