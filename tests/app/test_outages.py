"""While Redis is away answers are slower and do not fail, and health reports it."""

import itertools
import json

import pytest
from azure.servicebus import ServiceBusMessage

from tests.waiting import eventually

_numbers = itertools.count(900)


def new_row() -> bytes:
    """A row that was not sent before, so that no near cache holds it."""
    return b"[[0.%d, 0.9, 0.9]]" % next(_numbers)


def health(app) -> tuple[int, str, str]:
    reply = app.get("/api/health/ready")
    document = reply.json()
    return reply.status, document["status"], document["dependencies"]["cache"]["status"]


@pytest.fixture(scope="module")
def app(make_app):
    return make_app(without="redis", CACHE_MODE="always", CACHE_TIMEOUT_MS="50")


def test_the_app_starts_and_answers_without_redis(app):
    assert health(app) == (200, "degraded", "degraded")
    for _ in range(2):
        reply = app.post(new_row())
        assert (reply.status, reply.body, reply.headers["x-cache"]) == (200, b"[1]", "bypass")


def test_an_async_request_is_answered_at_once_if_its_result_could_not_be_fetched(app):
    reply = app.post(new_row(), Prefer="respond-async")
    assert (reply.status, reply.body) == (200, b"[1]")
    assert app.get("/api/results/any").status == 503


def test_messages_and_blobs_still_end_in_their_documents(app):
    app.send(ServiceBusMessage(new_row(), message_id="without-redis"))
    app.upload("without-redis.csv", b"0.8,0.9,0.9\n")
    report = app.report("without-redis.csv")
    message, blob = app.inbox.of("without-redis", report["id"])
    assert (message["status"], message["cache"], message["result"]) == ("succeeded", "bypass", [1])
    assert blob["status"] == "succeeded"


def test_redis_is_used_as_soon_as_it_runs_and_reported_when_it_is_away_again(app):
    app.redis.start()
    eventually(lambda: health(app) == (200, "ok", "ok"))
    eventually(lambda: app.post(new_row()).headers["x-cache"] == "miss")
    app.redis.kill()
    reply = app.post(new_row())
    assert (reply.status, reply.body, reply.headers["x-cache"]) == (200, b"[1]", "bypass")
    assert health(app) == (200, "degraded", "degraded")


def test_a_redis_that_hangs_costs_no_more_than_its_deadline(app):
    app.redis.start()
    eventually(lambda: app.post(new_row()).headers["x-cache"] == "miss")
    app.redis.pause()
    try:
        reply = app.post(new_row())
        assert (reply.status, reply.body, reply.headers["x-cache"]) == (200, b"[1]", "bypass")
        # One lookup and one store at 50 ms each, and a margin for a busy machine.
        assert float(reply.headers["x-ms-run-fn-exec-ms"]) < 500
    finally:
        app.redis.resume()
    assert json.loads(app.post(new_row()).body) == [1]
