import csv
import io
import json
import uuid

import numpy as np
import pytest
from azure.servicebus import ServiceBusMessage

from tests.triggers.description.test_metrics import parsed
from tests.waiting import eventually

ROW = [0.9, 0.9, 0.9]


@pytest.fixture
def rows():
    """Rows that no test has sent before."""
    return np.random.default_rng().random((20, 3)).round(6)


def body(rows) -> bytes:
    return json.dumps({"data": rows.tolist()}).encode()


def right(rows) -> list[int]:
    return [int(total > 1.5) for total in rows.sum(axis=1)]


def sure(rows):
    """Away from the border between the classes, where the small model may be wrong."""
    return rows[abs(rows.sum(axis=1) - 1.5) > 0.1]


def test_http_answers_a_row_and_then_from_the_cache(app, rows):
    rows = sure(rows)
    first, second = app.post(body(rows)), app.post(body(rows))
    assert (first.status, first.headers["x-cache"]) == (200, "miss")
    assert (second.status, second.headers["x-cache"]) == (200, "hit")
    assert first.body == second.body
    assert first.json() == right(rows)


def test_a_blob_ends_in_a_scored_blob_a_report_and_one_document(app, rows):
    rows = sure(rows)
    text = "\n".join(",".join(map(repr, row)) for row in rows.tolist())
    app.upload("folder/rows.csv", text.encode())
    report = app.report("folder/rows.csv")
    assert (report["rows"], report["failed"]) == (len(rows), 0)
    scored = csv.reader(io.StringIO(app.output("folder/rows.csv").decode()))
    assert [int(line[3]) for line in scored] == right(rows)
    (document,) = app.inbox.of(report["id"])
    assert (document["status"], document["source"]) == ("succeeded", "blob")
    assert app.get(f"/api/results/{report['id']}").json() == document


def test_each_message_ends_in_one_document_on_the_queue_and_under_its_id(app, rows):
    names = [uuid.uuid4().hex for _ in rows]
    app.send(
        *(ServiceBusMessage(body(rows[n : n + 1]), message_id=name) for n, name in enumerate(names))
    )
    documents = app.inbox.of(*names)
    for row, document in zip(rows, documents, strict=True):
        assert document["status"] == "succeeded"
        if abs(row.sum() - 1.5) > 0.1:
            assert document["result"] == [int(row.sum() > 1.5)]
    assert app.get(f"/api/results/{names[0]}").json() == documents[0]
    assert {app.inbox.counts()[name] for name in names} == {1}


def test_a_row_scored_over_http_is_a_hit_when_a_message_brings_it_as_csv(app, rows):
    app.post(body(rows[:1]))
    name = uuid.uuid4().hex
    text = ",".join(map(repr, rows[0].tolist())).encode()
    app.send(
        ServiceBusMessage(
            text, message_id=name, application_properties={"content_type": "text/csv"}
        )
    )
    (document,) = app.inbox.of(name)
    assert document["cache"] == "hit"


def test_an_async_request_is_accepted_followed_and_found_on_the_queue(app, rows):
    rows = sure(rows)
    accepted = app.post(body(rows), Prefer="respond-async")
    assert accepted.status == 202
    where = accepted.headers["Location"]
    assert where == f"/api/results/{accepted.headers['x-request-id']}"

    def finished():
        reply = app.get(where)
        assert reply.status in (200, 202), reply
        return reply if reply.status == 200 else None

    document = eventually(finished).json()
    assert (document["source"], document["result"]) == ("http", right(rows))
    assert app.inbox.of(document["id"]) == [document]


def test_a_user_may_name_an_async_request_and_ask_twice(app):
    name = f"mine/{uuid.uuid4().hex}"
    for _ in range(2):
        reply = app.post(body(np.array([ROW])), Prefer="respond-async", x_request_id=name)
        assert reply.status == 202
    (document,) = app.inbox.of(name)
    assert app.get(reply.headers["Location"]).json() == document
    # A second document would have come before this one.
    last = uuid.uuid4().hex
    app.send(ServiceBusMessage(body(np.array([ROW])), message_id=last))
    app.inbox.of(last)
    assert app.inbox.counts()[name] == 1


def test_health_and_the_document_of_the_routes_need_no_key(app):
    assert app.get("/api/health/live").json() == {"status": "ok"}
    ready = app.get("/api/health/ready").json()
    assert ready["status"] == "ok"
    assert ready["dependencies"]["cache"] == {"status": "ok"}
    assert ready["dependencies"]["model"]["name"] == "sum"
    paths = app.get("/api/openapi.json").json()["paths"]
    assert set(paths) >= {"/score", "/results/{id}", "/health/live", "/health/ready"}


def test_the_inputs_of_each_trigger_are_counted(app, rows):
    def read_counts():
        return parsed(app.get("/api/metrics").body)

    before, name = read_counts(), uuid.uuid4().hex
    assert app.post(body(rows)).status == 200
    assert app.post(b"{").status == 400
    app.send(ServiceBusMessage(body(rows), message_id=name))
    app.upload("counted.csv", b"1,2\n")
    app.inbox.of(name, app.report("counted.csv")["id"])
    after = read_counts()

    def grown(series):
        return after[series] - before.get(series, 0)

    for labels in (
        'route="score",status="200",trigger="http"',
        'route="score",status="400",trigger="http"',
        'status="succeeded",trigger="servicebus"',
        'status="failed",trigger="blob"',
    ):
        assert grown(f"triscore_requests_total{{{labels}}}") == 1
    # The message's rows are stored by then, but a lookup that does not pay is skipped.
    assert len(rows) <= grown("triscore_model_call_rows_sum") <= 2 * len(rows)
    assert after['triscore_cache_lookups_total{cache="redis",outcome="miss"}'] > 0
    assert after["triscore_redis_round_trips_total"] > 0
    assert after["triscore_redis_writes_dropped_total"] == 0
