"""With sessions, a request that waits in the queue is sent with a session id."""

from __future__ import annotations

import asyncio

import pytest

from tests.triggers.http_trigger.test_score_blueprint import asking
from triggers import envelope
from triggers.delivery.output_queue import Outgoing
from triggers.http_trigger.score_blueprint import HttpHandler


class Queue:
    def __init__(self) -> None:
        self.sent: list[Outgoing] = []
        self.is_away = False

    async def send(self, message: Outgoing) -> None:
        await asyncio.sleep(0)
        if self.is_away:
            raise ConnectionError
        self.sent.append(message)


@pytest.fixture
def queue() -> Queue:
    return Queue()


@pytest.fixture
def handler(scorer, results, queue):
    return HttpHandler(scorer, results, send=queue.send)


@pytest.mark.parametrize(("headers", "session"), [({}, "r1"), ({"x_session_id": "ada"}, "ada")])
async def test_the_session_is_the_one_that_is_named_else_the_request(
    handler, queue, headers, session
):
    response = await handler.score(
        asking(prefer="respond-async", x_request_id="r1", **headers), None
    )
    assert response.status_code == 202
    (message,) = queue.sent
    assert message.session_id == session
    assert envelope.unpack(message.body.encode()).id == "r1"


async def test_a_request_that_does_not_wait_is_answered_at_once(handler, queue):
    assert (await handler.score(asking(x_session_id="ada"), None)).status_code == 200
    assert queue.sent == []


async def test_a_queue_that_is_away_answers_503_and_the_request_may_be_sent_again(handler, queue):
    queue.is_away = True
    request = asking(prefer="respond-async", x_request_id="r1")
    refused = await handler.score(request, None)
    assert refused.status_code == 503
    assert b"try again later" in refused.get_body()
    queue.is_away = False
    assert (await handler.score(request, None)).status_code == 202
    assert len(queue.sent) == 1


async def test_a_session_id_that_is_too_long_is_refused(handler, queue):
    request = asking(prefer="respond-async", x_session_id="x" * 101)
    refused = await handler.score(request, None)
    assert refused.status_code == 431
    assert b"x-session-id: expected at most 100 characters, got 101" in refused.get_body()
    assert queue.sent == []
