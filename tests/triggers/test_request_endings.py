"""Every request, blob and message is reported once, whatever it ends in."""

import asyncio
import json
from dataclasses import replace

import azure.functions as func
import pytest

from inference.errors import Overloaded, ScoringTimeout
from tests.triggers.blob_trigger.blob_parts import parts, storage_of
from tests.triggers.http_trigger import v2_requests
from tests.triggers.http_trigger.test_request_queue import InputQueue
from tests.triggers.http_trigger.test_score_blueprint import asking
from tests.triggers.service_bus_trigger.test_service_bus_blueprint import message
from triggers.blob_trigger import blob_scoring
from triggers.http_exchange import observed
from triggers.http_trigger.score_blueprint import HttpHandler
from triggers.service_bus_trigger.message_scoring import MessageHandler

CSV = b"0.9,0.9,0.9\n0.1,0.1,0.1\n"


@pytest.fixture
def seen(scorer):
    """What was reported, without its time and model: `trigger route status error cache rows`."""
    found = []

    def note(finished):
        assert finished.seconds >= 0
        assert finished.model == scorer.model
        found.append(finished)

    scorer.finished.observe(note)
    return found


def endings(seen):
    return [
        (each.trigger, each.route, each.status, each.error, each.cache, each.rows) for each in seen
    ]


@pytest.fixture
def queue():
    return InputQueue()


@pytest.fixture
def http(scorer, results, queue):
    return HttpHandler(scorer, results, queue=queue.of(results))


@pytest.fixture
def messages(scorer, results):
    return MessageHandler(scorer, results, retry_s=0, max_delivery_count=3)


def failing(monkeypatch, scorer, error):
    async def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr(scorer, "score", fail)


async def test_http_requests_that_are_answered_refused_or_enqueued(http, v2_handler, seen):
    body = b'{"data": [[0.9, 0.9, 0.9], [0.1, 0.1, 0.1]]}'
    await http.score(asking(body, x_request_id="mine"))
    await http.score(asking(body))
    await http.score(asking(b"{"))
    await http.score(asking(x_request_id="a" * 101))
    await http.score(asking(prefer="respond-async"))
    await v2_handler.infer(v2_requests.asking(name="another"))
    assert endings(seen) == [
        ("http", "score", 200, None, "miss", 2),
        ("http", "score", 200, None, "hit", 2),
        ("http", "score", 400, "malformed_input", None, None),
        ("http", "score", 431, "id_too_long", None, None),
        ("http", "score", 202, None, None, None),
        ("http", "v2", 404, "unknown_model", None, None),
    ]
    assert seen[0].request_id == "mine"
    assert len({each.request_id for each in seen}) == len(seen)


@pytest.mark.parametrize(
    ("error", "status"),
    [(Overloaded("full"), 503), (ScoringTimeout("late"), 504), (ValueError("a bug"), 500)],
)
async def test_http_requests_that_fail(http, scorer, seen, monkeypatch, error, status):
    failing(monkeypatch, scorer, error)
    await http.score(asking())
    code = getattr(error, "code", "internal_error")
    assert endings(seen) == [("http", "score", status, code, None, None)]


async def test_a_request_that_asks_for_no_prediction_is_reported_and_not_counted(
    http, scorer, seen
):
    results = observed(scorer.finished, "results")(http.result)
    await results(asking(path="results/nothing"))
    assert endings(seen) == [("http", "results", 404, "unknown_result", None, None)]
    assert list(scorer.counts.requests.by_status()) == []


async def test_messages_that_are_answered_refused_or_came_before(messages, seen, scorer):
    await messages.score([message(), message(b"[", name="m2")])
    await messages.score([message(delivery_count=2)])
    assert sorted(endings(seen), key=str) == [
        ("servicebus", "", "failed", "malformed_input", None, None),
        ("servicebus", "", "repeated", None, None, None),
        ("servicebus", "", "succeeded", None, "miss", 1),
    ]
    assert seen[-1].request_id == "m1"
    assert sum(each[-1] for each in scorer.counts.requests.by_status()) == 2


async def test_a_message_is_returned_until_its_last_attempt_fails(
    messages, scorer, seen, monkeypatch
):
    failing(monkeypatch, scorer, Overloaded("full"))
    for count in (1, 2, 3):
        with pytest.raises(Overloaded):
            await messages.score([message(delivery_count=count)])
    assert endings(seen) == [
        ("servicebus", "", "returned", "overloaded", None, None),
        ("servicebus", "", "returned", "overloaded", None, None),
        ("servicebus", "", "failed", "tries_exhausted", None, None),
    ]


async def test_a_request_of_http_has_its_own_id_as_a_message(http, queue, messages, seen):
    await http.score(asking(prefer="respond-async", x_request_id="mine"))
    await messages.score([replace(message(), body=queue.sent[0].body.encode())])
    assert [(each.trigger, each.status, each.request_id) for each in seen] == [
        ("http", 202, "mine"),
        ("servicebus", "succeeded", "mine"),
    ]


@pytest.fixture
def storage(azurite):
    with storage_of(azurite) as account:
        yield account


@pytest.fixture
def blobs(scorer, results, storage):
    return parts(scorer, results, storage, max_attempts=2)


async def test_blobs_that_are_scored_refused_or_came_before(blobs, storage, seen):
    for body in (CSV, b'"'):
        blob = storage.source.upload_blob("rows.csv", body, overwrite=True)
        for _ in range(2):
            document = json.loads(await blobs.handler.score(blob, storage.output))
        assert seen[-1].request_id == document["id"]
    assert endings(seen) == [
        ("blob", "", "succeeded", None, "miss", 2),
        ("blob", "", "repeated", None, None, None),
        ("blob", "", "failed", document["error"]["code"], None, None),
        ("blob", "", "repeated", None, None, None),
    ]


async def test_a_blob_is_returned_until_its_last_attempt_fails(
    blobs, storage, scorer, seen, monkeypatch
):
    async def fail():
        raise Overloaded("full")

    monkeypatch.setattr(scorer, "script", fail)
    blob = storage.source.upload_blob("rows.csv", CSV)
    for _ in range(2):
        with pytest.raises(Overloaded):
            await blobs.handler.score(blob, storage.output)
    assert endings(seen) == [
        ("blob", "", "returned", "overloaded", None, None),
        ("blob", "", "failed", "tries_exhausted", None, None),
    ]


async def test_a_blob_that_is_replaced_or_deleted_is_reported(
    blobs, storage, scorer, seen, monkeypatch
):
    monkeypatch.setattr(blob_scoring, "CHANGED_PAUSE_S", 0)
    blob = storage.source.upload_blob("rows.csv", CSV)
    script, newer = scorer.script, [b"0.8,0.8,0.8\n"]

    async def replacing():
        if newer:
            await asyncio.to_thread(blob.upload_blob, newer.pop(), overwrite=True)
        return await script()

    monkeypatch.setattr(scorer, "script", replacing)
    await blobs.handler.score(blob, storage.output)
    blob.delete_blob()
    assert await blobs.handler.score(blob, storage.output) is None
    assert endings(seen) == [
        ("blob", "", "superseded", None, None, None),
        ("blob", "", "succeeded", None, "miss", 1),
        ("blob", "", "deleted", None, None, None),
    ]
    assert seen[0].request_id != seen[1].request_id


def test_the_platform_sees_an_observed_function_as_it_is(scorer):
    async def console_files(req: func.HttpRequest) -> func.HttpResponse:
        raise NotImplementedError

    assert observed(scorer.finished, "x")(console_files).__name__ == "console_files"
