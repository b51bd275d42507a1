"""Records spans with OpenTelemetry's API. Imported only if traces are exported.

Names and attributes follow the semantic conventions; `triscore.*` are ours. No attribute holds a
value of a row, and no body.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, StatusCode, Tracer

from inference.tracing import propagation
from inference.tracing.model_calls import ModelCalls
from inference.tracing.span_errors import mark_failed
from inference.tracing.spans import Attributes, Carrier, Kind

#: The instrumentation scope of all spans.
SCOPE = "triscore"

KINDS: dict[Kind, SpanKind] = {
    "internal": SpanKind.INTERNAL,
    "server": SpanKind.SERVER,
    "client": SpanKind.CLIENT,
    "producer": SpanKind.PRODUCER,
    "consumer": SpanKind.CONSUMER,
}

#: In a context with this key, no span is begun.
_MUTED = contexts.create_key("triscore-muted")


class Recorder:
    """`follows_platform`: the Functions host exports a span for each of its calls, to the same
    place. Then the app's span is that one's child, and not a server's span of its own.
    """

    def __init__(self, tracer: Tracer, *, follows_platform: bool = False) -> None:
        self._tracer = tracer
        self._follows_platform = follows_platform
        self.model_calls = ModelCalls(self.begin)

    def __repr__(self) -> str:
        return f"<Recorder follows_platform={self._follows_platform}>"

    @contextmanager
    def serve(self, name: str, carrier: Carrier, attributes: Attributes) -> Iterator[Span]:
        """A block that answers a request. `carrier`: its headers, by lower-case names."""
        context, kind = propagation.extract(carrier), SpanKind.SERVER
        platform = propagation.span_context()
        if self._follows_platform and platform.is_valid:
            context, kind = _with_parent(platform, context), SpanKind.INTERNAL
        with self._run(name, context, kind, attributes) as span:
            yield span

    @contextmanager
    def process(self, name: str, carrier: Carrier, attributes: Attributes) -> Iterator[Span]:
        """A block that processes a message or a blob, as a child of the span that sent it.

        The platform's span, which may be that of a whole batch, is linked. It is the parent if the
        sender has none.
        """
        context, links = propagation.extract(carrier), []
        platform = propagation.span_context()
        if self._follows_platform and platform.is_valid:
            if propagation.span_context(context).is_valid:
                links = [Link(platform)]
            else:
                context = _with_parent(platform, context)
        with self._run(name, context, SpanKind.CONSUMER, attributes, links) as span:
            yield span

    @contextmanager
    def span(self, name: str, attributes: Attributes, *, kind: Kind = "internal") -> Iterator[Span]:
        with self._run(name, contexts.get_current(), KINDS[kind], attributes) as span:
            yield span

    def begin(
        self,
        name: str,
        context: Context | None = None,
        *,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Attributes | None = None,
        links: Sequence[Link] = (),
        start_ns: int | None = None,
    ) -> Span:
        """A child of the context's span, by default of the current one. Its caller ends it."""
        if contexts.get_value(_MUTED, context):
            return trace.INVALID_SPAN
        return self._tracer.start_span(
            *(name, context, kind, attributes, links, start_ns),
            record_exception=False,
            set_status_on_exception=False,
        )

    def annotate(self, attributes: Attributes, *, failed: bool = False) -> None:
        span = trace.get_current_span()
        span.set_attributes(attributes)
        if failed:
            span.set_status(StatusCode.ERROR)

    def current(self) -> SpanContext:
        return propagation.span_context()

    def link(self, other: SpanContext) -> None:
        """From the current span to another one, unless that is invalid or the same."""
        if other.is_valid and other.span_id != self.current().span_id:
            trace.get_current_span().add_link(other)

    def carrier(self) -> Carrier:
        return propagation.inject()

    @contextmanager
    def muted(self) -> Iterator[None]:
        """A block in which no span is begun, nor in the tasks that begin in it."""
        with _attached(contexts.set_value(_MUTED, True)):
            yield

    @contextmanager
    def _run(
        self,
        name: str,
        context: Context,
        kind: SpanKind,
        attributes: Attributes,
        links: Sequence[Link] = (),
    ) -> Iterator[Span]:
        span = self.begin(name, context, kind=kind, attributes=attributes, links=links)
        if span is trace.INVALID_SPAN:  # muted
            yield span
            return
        with _attached(trace.set_span_in_context(span, context)):
            try:
                yield span
            except BaseException as error:
                mark_failed(span, error)
                raise
            finally:
                span.end()


@contextmanager
def _attached(context: Context) -> Iterator[None]:
    token = contexts.attach(context)
    try:
        yield
    finally:
        contexts.detach(token)


def _with_parent(parent: SpanContext, context: Context) -> Context:
    return trace.set_span_in_context(trace.NonRecordingSpan(parent), context)
