"""One trace over all hops, as a collector receives it from an app with several workers."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator

import pytest
from azure.servicebus import ServiceBusMessage

from tests.otlp_receiver import OtlpReceiver
from tests.running_app import App
from tests.waiting import eventually

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def collector() -> Iterator[OtlpReceiver]:
    with OtlpReceiver() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def app(make_app, collector: OtlpReceiver) -> App:
    settings = {**collector.settings, "OTEL_SERVICE_NAME": "scoring", "CACHE_MODE": "always"}
    app: App = make_app(**settings, host_args=("--workers", "2"))
    return app


def new_parent(flags: str = "01") -> tuple[str, str, str]:
    """A `traceparent`, its trace id and its span id."""
    trace_id, span_id = secrets.token_hex(16), secrets.token_hex(8)
    return f"00-{trace_id}-{span_id}-{flags}", trace_id, span_id


def row() -> bytes:
    """One that no cache has."""
    return json.dumps([[secrets.randbelow(10**9) / 1e9, 0.5, 0.5]]).encode()


def test_a_request_is_one_trace_from_the_lookup_to_the_model(
    app: App, collector: OtlpReceiver
) -> None:
    parent, trace_id, span_id = new_parent()
    reply = app.post(row(), traceparent=parent, tracestate="vendor=1", x_request_id="traced")
    assert reply.status == 200
    server, lookup, wait, predict = collector.wait_for(
        trace_id, "POST score", "MGET", "wait for the model", "predict"
    )
    assert (server.kind, server.parent_id, server.state) == (2, span_id, "vendor=1")
    assert {lookup.parent_id, wait.parent_id, predict.parent_id} == {server.span_id}
    assert server.resource["service.name"] == "scoring"
    assert server.attributes["http.response.status_code"] == 200
    assert server.attributes["triscore.cache"] == "miss"
    assert server.attributes["triscore.rows"] == 1
    assert server.attributes["triscore.request_id"] == "traced"
    assert server.attributes["triscore.model.version"] == reply.headers["x-model-version"]


def test_an_enqueued_request_is_one_trace_until_its_result(
    app: App, collector: OtlpReceiver
) -> None:
    parent, trace_id, span_id = new_parent()
    accepted = app.post(row(), traceparent=parent, Prefer="respond-async")
    assert accepted.status == 202
    document = app.inbox.of(accepted.json()["id"])[0]
    server, create, process, predict, store = collector.wait_for(
        trace_id,
        *("POST score", "create scoring-requests", "process scoring-requests"),
        *("predict", "store result"),
    )
    assert (server.parent_id, server.attributes["http.response.status_code"]) == (span_id, 202)
    assert (create.kind, create.parent_id) == (4, server.span_id)
    assert accepted.headers["traceparent"] == f"00-{trace_id}-{create.span_id}-01"
    assert (process.kind, process.parent_id) == (5, create.span_id)
    assert {predict.parent_id, store.parent_id} == {process.span_id}
    assert document["traceparent"] == f"00-{trace_id}-{process.span_id}-01"
    assert app.get(accepted.headers["Location"]).json() == document


@pytest.mark.parametrize("name", ["Diagnostic-Id", "traceparent", b"Diagnostic-Id"])
def test_a_message_continues_the_trace_of_its_sender(
    app: App, collector: OtlpReceiver, name: str | bytes
) -> None:
    parent, trace_id, span_id = new_parent()
    request_id = secrets.token_hex(8)
    app.send(ServiceBusMessage(row(), message_id=request_id, application_properties={name: parent}))
    document = app.inbox.of(request_id)[0]
    process, predict = collector.wait_for(trace_id, "process scoring-requests", "predict")
    assert (process.kind, process.parent_id) == (5, span_id)
    assert process.attributes["messaging.message.id"] == request_id
    assert process.attributes["messaging.servicebus.message.delivery_count"] == 1
    assert process.attributes["triscore.outcome"] == "succeeded"
    assert predict.parent_id == process.span_id
    assert document["traceparent"].split("-")[2] == process.span_id


def test_a_blob_continues_the_trace_that_its_metadata_names(
    app: App, collector: OtlpReceiver
) -> None:
    parent, trace_id, span_id = new_parent()
    app.upload("traced.csv", b"a,b,c\n1,2,3\n" + b"4,5,6\n" * 9, {"traceparent": parent})
    report = app.report("traced.csv")
    assert report["rows"] == 10
    job, part, predict, store = collector.wait_for(
        trace_id, "score blob", "score part", "predict", "store result"
    )
    assert (job.kind, job.parent_id) == (5, span_id)
    assert job.attributes["faas.document.name"] == "traced.csv"
    assert job.attributes["triscore.rows"] == 10
    assert {part.parent_id, store.parent_id} == {job.span_id}
    assert predict.parent_id == part.span_id
    named = f"00-{trace_id}-{job.span_id}-01"
    assert app.inbox.of(report["id"])[0]["traceparent"] == named
    properties = app.inbox.properties_of(report["id"])
    assert (properties["traceparent"], properties["Diagnostic-Id"]) == (named, named)


def test_requests_in_one_model_call_are_linked(app: App, collector: OtlpReceiver) -> None:
    parents = [new_parent() for _ in range(20)]
    app.send(
        *(
            ServiceBusMessage(row(), application_properties={"traceparent": parent})
            for parent, *_ in parents
        )
    )
    for _, trace_id, _ in parents:
        collector.wait_for(trace_id, "predict", "process scoring-requests")
    calls = [each for each in collector.spans if each.name == "predict"]
    shared = [each for each in calls if each.attributes["triscore.batch.requests"] > 1]
    assert shared
    first = max(shared, key=lambda each: len(each.links))
    assert len(first.links) == first.attributes["triscore.batch.requests"] - 1
    processed = {
        (each.trace_id, each.span_id)
        for each in collector.spans
        if each.name == "process scoring-requests"
    }
    assert set(first.links) <= processed


@pytest.mark.parametrize("parent", ["", "00-zz-1-01", "00-" + "0" * 32 + "-" + "1" * 16 + "-01"])
def test_a_malformed_parent_begins_a_trace_of_its_own(
    app: App, collector: OtlpReceiver, parent: str
) -> None:
    request_id = secrets.token_hex(8)
    assert app.post(row(), traceparent=parent, x_request_id=request_id).status == 200

    def server() -> str | None:
        found = [
            each.parent_id
            for each in collector.spans
            if each.attributes.get("triscore.request_id") == request_id
        ]
        return repr(found[0]) if found else None

    assert eventually(server) == "''"


def test_a_trace_that_is_not_sampled_is_not_exported_but_passed_on(
    app: App, collector: OtlpReceiver
) -> None:
    parent, trace_id, _ = new_parent("00")
    accepted = app.post(row(), traceparent=parent, Prefer="respond-async")
    document = app.inbox.of(accepted.json()["id"])[0]
    assert document["traceparent"].startswith(f"00-{trace_id}-")
    assert document["traceparent"].endswith("-00")
    sampled, other_id, _ = new_parent()
    app.post(row(), traceparent=sampled)
    collector.wait_for(other_id, "POST score")
    assert collector.of_trace(trace_id) == []


def test_no_span_holds_a_value_of_a_row(app: App, collector: OtlpReceiver) -> None:
    parent, trace_id, _ = new_parent()
    assert app.post(b'[["sesame", 1, 2]]', traceparent=parent).status == 422
    (server,) = collector.wait_for(trace_id, "POST score")
    assert server.attributes["error.type"] == "unfit_input"
    assert not server.is_error
    assert "sesame" not in repr(collector.spans)
