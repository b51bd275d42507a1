"""Requests with `Prefer: respond-async`, which wait in the input queue."""

from __future__ import annotations

import asyncio
import json

import orjson
import pytest

from inference.results.result_store import ResultStore
from tests.inference.serving.test_scorer import Away
from tests.triggers.http_trigger.test_score_blueprint import ROW, asking
from triggers import envelope
from triggers.bus_entity import BusEntity
from triggers.delivery.output_queue import Outgoing
from triggers.http_trigger.request_queue import RequestQueue
from triggers.http_trigger.score_blueprint import HttpHandler


class InputQueue:
    """What the app sends is in `sent`. `failure`: what sending raises; `hangs`: it never ends."""

    def __init__(self) -> None:
        self.sent: list[Outgoing] = []
        self.failure: Exception | None = None
        self.hangs = False

    def of(self, results: ResultStore) -> RequestQueue:
        return RequestQueue(results, BusEntity("requests"), self._send)

    def requests(self):
        return [envelope.unpack(each.body.encode()) for each in self.sent]

    async def _send(self, message: Outgoing) -> None:
        await (asyncio.Event().wait() if self.hangs else asyncio.sleep(0))
        if self.failure is not None:
            raise self.failure
        self.sent.append(message)


@pytest.fixture
def queue() -> InputQueue:
    return InputQueue()


@pytest.fixture
def handler(scorer, results, queue):
    return HttpHandler(scorer, results, queue=queue.of(results))


async def test_respond_async_enqueues_and_answers_with_the_results_location(handler, queue):
    response = await handler.score(asking(prefer="respond-async", x_request_id="a/b"))
    assert response.status_code == 202
    assert response.headers["location"] == "/api/results/a%2Fb"
    assert response.headers["retry-after"] == "1"
    (enqueued,) = queue.requests()
    assert (enqueued.id, enqueued.source, enqueued.body) == ("a/b", "http", ROW)
    pending = await handler.result(asking(path="results/a/b"))
    assert (pending.status_code, json.loads(pending.get_body())["status"]) == (202, "pending")


async def test_a_request_that_does_not_wait_is_answered_at_once(handler, queue):
    assert (await handler.score(asking(x_session_id="ada"))).status_code == 200
    assert queue.sent == []


async def test_a_pending_request_sent_again_is_enqueued_again_but_other_content_is_refused(
    handler, queue
):
    for _ in range(2):
        response = await handler.score(asking(prefer="respond-async", x_request_id="r"))
        assert response.status_code == 202
    other = asking(b"[[1,2,3]]", prefer="respond-async", x_request_id="r")
    assert (await handler.score(other)).status_code == 409
    assert len(queue.sent) == 2


async def test_a_finished_request_sent_again_is_not_enqueued(handler, queue, results):
    await handler.score(asking(prefer="respond-async", x_request_id="r"))
    await results.finish(queue.requests()[0], b'{"id":"r"}')
    response = await handler.score(asking(prefer="respond-async", x_request_id="r"))
    assert (response.status_code, len(queue.sent)) == (202, 1)
    finished = await handler.result(asking(path="results/r"))
    assert (finished.status_code, finished.get_body()) == (200, b'{"id":"r"}')


async def test_a_request_is_answered_at_once_if_its_result_could_not_be_kept(scorer, queue):
    results = ResultStore(Away(), str, ttl_s=60)
    handler = HttpHandler(scorer, results, queue=queue.of(results))
    response = await handler.score(asking(prefer="respond-async"))
    assert (response.status_code, response.get_body(), queue.sent) == (200, b"[1]", [])
    assert (await handler.result(asking(path="results/r"))).status_code == 503


async def test_a_request_too_large_for_the_queue_is_sent_to_the_blob_trigger(handler, queue):
    body = orjson.dumps([[0.123456789, 0.5, 0.5]] * 9000)
    response = await handler.score(asking(body, prefer="respond-async"))
    assert (response.status_code, queue.sent) == (413, [])
    assert b"upload a blob" in response.get_body()


def test_a_message_longer_than_any_packed_request_is_not_parsed_as_one():
    packed = {
        "triscore_request": 1,
        "id": "1",
        "received_at": "2024-02-29T12:00:00+00:00",
        "content_type": "",
        "recompute": False,
        "body": "",
    }
    assert envelope.unpack(orjson.dumps(packed)) is not None
    assert envelope.unpack(orjson.dumps({**packed, "query": "x" * 2**18})) is None


async def test_a_request_that_can_never_be_answered_is_not_enqueued(handler, scorer, queue):
    await scorer.script()
    for body, kind, status in [(b"", "", 400), (b"[[1]]", "", 422), (b"x", "text/xml", 415)]:
        response = await handler.score(asking(body, prefer="respond-async", content_type=kind))
        assert (response.status_code, queue.sent) == (status, [])


async def test_no_cache_survives_the_queue(handler, queue):
    await handler.score(asking(prefer="respond-async", cache_control="no-cache"))
    assert queue.requests()[0].recompute


async def test_an_exhausted_request_can_be_enqueued_again(handler, queue, results):
    sent = asking(prefer="respond-async", x_request_id="r")
    await handler.score(sent)
    await results.store_provisional(queue.requests()[0], b"{}", due_s=0)
    assert (await handler.result(asking(path="results/r"))).status_code == 200
    assert (await handler.score(sent)).status_code == 202
    assert len(queue.sent) == 2
    assert (await handler.result(asking(path="results/r"))).status_code == 202


def require_refusal(response, caplog, kind):
    """A 503 that says to try again, and a line in the log that names the kind of the error."""
    error = json.loads(response.get_body())["error"]
    assert (response.status_code, error["code"]) == (503, "overloaded")
    assert error["message"] == "the queue does not accept the request; try again later"
    assert response.headers["retry-after"] == "1"
    assert f"the queue requests did not accept request 'r1': {kind}" in caplog.text
    assert "triscore doctor" in caplog.text


@pytest.mark.parametrize(
    "kind",
    [
        *("MessagingEntityDisabledError", "MessagingEntityNotFoundError"),
        *("OperationTimeoutError", "ServiceBusAuthenticationError"),
        *("ServiceBusAuthorizationError", "ServiceBusConnectionError"),
        *("ServiceBusQuotaExceededError", "ServiceBusServerBusyError"),
    ],
)
async def test_a_queue_that_takes_no_request_is_503_and_the_request_may_be_sent_again(
    handler, queue, caplog, kind
):
    sdk = pytest.importorskip("azure.servicebus.exceptions")
    queue.failure = getattr(sdk, kind)(message="secret")
    request = asking(prefer="respond-async", x_request_id="r1")
    response = await handler.score(request)
    require_refusal(response, caplog, kind)
    assert b"secret" not in response.get_body()
    queue.failure = None
    assert (await handler.score(request)).status_code == 202
    assert len(queue.sent) == 1


async def test_a_queue_that_does_not_answer_is_503_at_the_requests_deadline(
    make_scorer, model_dir, results, queue, caplog
):
    scorer = make_scorer(model_dir, SCORING_TIMEOUT_S="1")
    await scorer.script()
    queue.hangs = True
    handler = HttpHandler(scorer, results, queue=queue.of(results))
    async with asyncio.timeout(5):
        response = await handler.score(asking(prefer="respond-async", x_request_id="r1"))
    require_refusal(response, caplog, "TimeoutError")


@pytest.mark.parametrize(("headers", "session"), [({}, "r1"), ({"x_session_id": "ada"}, "ada")])
async def test_the_session_is_the_one_that_is_named_else_the_request(
    handler, queue, headers, session
):
    await handler.score(asking(prefer="respond-async", x_request_id="r1", **headers))
    assert [each.session_id for each in queue.sent] == [session]


async def test_a_session_id_that_is_too_long_is_refused(handler, queue):
    request = asking(prefer="respond-async", x_session_id="x" * 101)
    refused = await handler.score(request)
    assert refused.status_code == 431
    assert b"x-session-id: expected at most 100 characters, got 101" in refused.get_body()
    assert queue.sent == []
