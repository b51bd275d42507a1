"""Whose children the app's spans are, and what they say."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest
from opentelemetry import context, trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from inference.errors import InternalError, ScriptFailed, UnfitInput
from inference.tracing import propagation
from inference.tracing.recorder import Recorder

TRACE, CALLER, PLATFORM = "1" * 32, "2" * 16, "3" * 16
PARENT = {"traceparent": f"00-{TRACE}-{CALLER}-01", "tracestate": "a=1", "baggage": "user=x"}

Finished = Callable[[], list[ReadableSpan]]


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def make(exporter: InMemorySpanExporter) -> Callable[..., Recorder]:
    def recorder(**options: bool) -> Recorder:
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        return Recorder(provider.get_tracer("test"), **options)

    return recorder


@pytest.fixture
def platform() -> Iterator[None]:
    """The context that the platform's worker attaches."""
    sent = {"traceparent": f"00-{TRACE}-{PLATFORM}-01"}
    token = context.attach(propagation.extract(sent))
    yield
    context.detach(token)


def parent_of(span: ReadableSpan) -> str:
    return "" if span.parent is None else trace.format_span_id(span.parent.span_id)


def test_a_request_continues_its_caller_with_state_and_baggage(make, exporter) -> None:
    with make().serve("POST score", PARENT, {}):
        sent = propagation.inject()
    (span,) = exporter.get_finished_spans()
    assert (span.kind, parent_of(span)) == (SpanKind.SERVER, CALLER)
    assert sent["tracestate"] == "a=1"
    assert sent["baggage"] == "user=x"
    assert sent["traceparent"] == f"00-{TRACE}-{trace.format_span_id(span.context.span_id)}-01"


@pytest.mark.usefixtures("platform")
def test_below_the_platforms_span_there_is_no_second_servers_span(make, exporter) -> None:
    with make(follows_platform=True).serve("POST score", PARENT, {}):
        pass
    with make(follows_platform=False).serve("POST score", PARENT, {}):
        pass
    below, own = exporter.get_finished_spans()
    assert (below.kind, parent_of(below)) == (SpanKind.INTERNAL, PLATFORM)
    assert (own.kind, parent_of(own)) == (SpanKind.SERVER, CALLER)


@pytest.mark.usefixtures("platform")
def test_a_message_continues_its_sender_and_is_linked_to_the_platforms_batch(
    make, exporter
) -> None:
    recorder = make(follows_platform=True)
    with recorder.process("process q", {"diagnostic-id": PARENT["traceparent"]}, {}):
        pass
    with recorder.process("process q", {}, {}):
        pass
    continued, alone = exporter.get_finished_spans()
    assert parent_of(continued) == CALLER
    assert [trace.format_span_id(each.context.span_id) for each in continued.links] == [PLATFORM]
    assert (parent_of(alone), alone.links) == (PLATFORM, ())


@pytest.mark.parametrize(
    "sent",
    [
        {"traceparent": "|abc.1."},
        {"traceparent": "00-" + "0" * 32 + "-" + CALLER + "-01"},
        {"traceparent": "x", "diagnostic-id": "y"},
        {"tracestate": "a=1"},
        {"traceparent": f"ff-{TRACE}-{CALLER}-01"},
        {"traceparent": f"00-{TRACE}-{CALLER}-01," * 2},
        {"traceparent": "\udcff" * 55, "baggage": "%%%==;;"},
    ],
)
def test_a_malformed_context_begins_a_new_trace(make, exporter, sent: dict[str, str]) -> None:
    with make().process("process q", sent, {}):
        pass
    (span,) = exporter.get_finished_spans()
    assert span.parent is None


def test_a_malformed_traceparent_leaves_the_diagnostic_id(make, exporter) -> None:
    sent = {"traceparent": "x", "diagnostic-id": PARENT["traceparent"]}
    with make().process("process q", sent, {}):
        pass
    assert parent_of(exporter.get_finished_spans()[0]) == CALLER


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (ValueError("secret"), "ValueError", None),
        (InternalError("KeyError"), "internal_error", "internal error (KeyError)"),
        (ScriptFailed("ValueError at score.py:3 run", located="x"), "script_failed", "ValueError"),
        (ScriptFailed("the script answered 500: secret"), "script_failed", "script_failed"),
    ],
)
def test_a_failure_says_its_kind_and_no_value(
    make, exporter, error: Exception, kind: str, text: str | None
) -> None:
    with pytest.raises(type(error)), make().span("a", {}):
        raise error
    (span,) = exporter.get_finished_spans()
    assert span.attributes["error.type"] == kind
    assert not span.status.is_ok
    assert (span.status.description or "").startswith(text or "")
    assert "secret" not in span.to_json()


def test_a_callers_own_error_is_no_failure_of_the_server(make, exporter) -> None:
    error = UnfitInput(field="a", expected="a number", got="'secret'")
    with pytest.raises(UnfitInput), make().serve("POST score", {}, {}):
        raise error
    (span,) = exporter.get_finished_spans()
    assert span.attributes["error.type"] == "unfit_input"
    assert span.status.status_code.name == "UNSET"
    assert "secret" not in span.to_json()


def test_a_call_for_several_requests_is_linked_with_each(make, exporter) -> None:
    recorder = make()
    waits = []
    for _ in range(3):
        with recorder.serve("POST score", {}, {}):
            waits.append(recorder.model_calls.begin_wait())
    assert recorder.model_calls.traced(lambda: 7, waits, rows=5)() == 7
    ended = exporter.get_finished_spans()
    servers, calls = (
        [each for each in ended if each.name == name] for name in ("POST score", "predict")
    )
    assert [call.parent.span_id for call in calls] == [each.context.span_id for each in servers]
    first, *others = calls
    assert [link.context.span_id for link in first.links] == [
        each.context.span_id for each in servers[1:]
    ]
    assert all(each.links[0].context == first.context for each in others)
    assert first.attributes == {"triscore.batch.rows": 5, "triscore.batch.requests": 3}


def test_spans_of_a_script_are_below_the_models_call(make, exporter) -> None:
    recorder = make()

    async def call() -> None:
        with recorder.serve("POST score", {}, {}):
            waits = [recorder.model_calls.begin_wait()]

        def script() -> None:
            with recorder.span("mine", {}):
                pass

        await asyncio.to_thread(recorder.model_calls.traced(script, waits, rows=1))

    asyncio.run(call())
    spans = {each.name: each for each in exporter.get_finished_spans()}
    assert spans["mine"].parent.span_id == spans["predict"].context.span_id


def test_a_muted_block_begins_no_spans(make, exporter) -> None:
    recorder = make()
    with recorder.muted(), recorder.span("a", {}):
        recorder.model_calls.traced(lambda: None, [recorder.model_calls.begin_wait()], rows=1)()
    with recorder.span("b", {}):
        pass
    assert [each.name for each in exporter.get_finished_spans()] == ["b"]
