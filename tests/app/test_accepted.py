"""An accepted input gets its result, even if Redis fails before that."""

import itertools
import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from azure.servicebus import ServiceBusClient, ServiceBusMessage

from inference.request import Request
from tests.waiting import eventually
from triggers import envelope

REQUESTS = 200
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def app(make_app):
    return make_app(CACHE_TIMEOUT_MS="50", MAX_DELIVERY_COUNT="10")


def row() -> bytes:
    return b"[[0.9, 0.%d, 0.9]]" % next(_numbers)


def pending_or_done(app, location: str) -> int:
    status = app.get(location).status
    assert status in (200, 202, 503), status  # never 404
    return int(status)


def test_every_request_answered_202_ends_as_200_after_redis_was_paused(app):
    accepted: list[str] = []

    def post(_: int) -> None:
        reply = app.post(row(), Prefer="respond-async")
        assert reply.status in (200, 202)
        if reply.status == 202:
            accepted.append(reply.headers["location"])

    with ThreadPoolExecutor(8) as pool:
        posting = [pool.submit(post, number) for number in range(REQUESTS)]
        eventually(lambda: len(accepted) > REQUESTS // 4, 30)
        app.redis.pause()
        try:
            # At least one of them was under way then.
            began = time.monotonic()
            eventually(lambda: time.monotonic() - began > 2)
            assert pending_or_done(app, accepted[0]) == 503
        finally:
            app.redis.resume()
        for each in posting:
            each.result(30)
    ids = [location.rpartition("/")[2] for location in accepted]
    documents = app.inbox.of(*ids, timeout_s=60)
    assert {document["status"] for document in documents} == {"succeeded"}
    eventually(lambda: {pending_or_done(app, each) for each in accepted} == {200}, 30)
    for location, document in zip(accepted, documents, strict=True):
        assert app.get(location).json() == document


def test_the_result_of_a_message_can_be_fetched_after_redis_was_paused(app):
    names = [f"stall-{number}" for number in range(60)]
    app.redis.pause()
    try:
        app.send(*(ServiceBusMessage(row(), message_id=name) for name in names))
        began = time.monotonic()
        eventually(lambda: time.monotonic() - began > 2)
    finally:
        app.redis.resume()
    app.inbox.of(*names)
    assert {app.get(f"/api/results/{name}").status for name in names} == {200}


def test_a_long_outage_delays_no_message_and_loses_no_result(app):
    names = [f"outage-{number}" for number in range(60)]
    accepted = app.post(row(), Prefer="respond-async").headers["location"]
    eventually(lambda: app.get(accepted).status == 200)
    app.redis.pause()
    try:
        eventually(lambda: app.get(accepted).status == 503)
        app.send(*(ServiceBusMessage(row(), message_id=name) for name in names))
        # All documents come while Redis is away: readers of the queue do not wait for it.
        app.inbox.of(*names)
        assert {app.get(f"/api/results/{name}").status for name in names} == {503}
    finally:
        app.redis.resume()
    for name in names:
        eventually(lambda name=name: app.get(f"/api/results/{name}").status == 200)


@pytest.mark.long
def test_a_request_is_requeued_while_redis_is_away_and_has_its_result_once_it_is_back(app):
    sealed = envelope.pack(Request(id="round", source="http", body=row()))
    app.redis.pause()
    try:
        app.send(ServiceBusMessage(sealed, message_id="sealed"))
        eventually(lambda: "'round' is requeued" in app.host.log(), 30)
    finally:
        app.redis.resume()
    (document,) = app.inbox.of("round")
    assert app.get("/api/results/round").json() == document
    assert (document["source"], document["status"]) == ("http", "succeeded")
    assert app.inbox.counts()["round"] == 1


def test_a_message_that_kills_its_process_does_not_fail_its_batch(app):
    bad = {
        "triscore_request": 1,
        "id": "bad",
        "content_type": "",
        "recompute": False,
        "received_at": "9999-12-31T23:59:59-12:00",
        "body": "W1sxLDEsMV1d",
    }
    names = [f"beside-{number}" for number in range(63)]
    messages = [ServiceBusMessage(row(), message_id=name) for name in names]
    app.send(ServiceBusMessage(json.dumps(bad), message_id="the-bad-one"), *messages)
    failed, *others = app.inbox.of("the-bad-one", *names)
    assert failed["status"] == "failed"
    assert {other["status"] for other in others} == {"succeeded"}
    assert {app.inbox.counts()[name] for name in ("the-bad-one", *names)} == {1}
    assert dead_letters(app) == []


def dead_letters(app) -> list[str]:
    with (
        ServiceBusClient.from_connection_string(app.servicebus.connection_string) as client,
        client.get_queue_receiver("scoring-requests", sub_queue="deadletter") as receiver,
    ):
        return [str(message.message_id) for message in receiver.peek_messages(100)]
