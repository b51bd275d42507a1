"""The document on the output queue is the one that is found under the request's id."""

from __future__ import annotations

import json

import pytest

from inference.models import ModelId
from inference.request import Answer, Request
from inference.results.result_store import ResultStore
from inference.serving.scorer import Scorer
from triggers.delivery.outbox import Outbox

MODEL = ModelId("sum", "1")
REQUEST = Request(id="r1", source="http", body=b"[[1,1,1]]")


def answer(value: int) -> Answer:
    return Answer(b"[%d]" % value, "application/json", "miss", elapsed_ms=1)


@pytest.fixture
def outbox(scorer: Scorer, results: ResultStore) -> Outbox:
    return Outbox(results, scorer.finished, trigger="servicebus")


@pytest.mark.parametrize("wait_s", [None, 1.0])
async def test_of_two_deliveries_at_once_both_send_the_document_of_the_first(
    outbox: Outbox, results: ResultStore, wait_s: float | None
) -> None:
    await results.reserve(REQUEST)
    sent = [await outbox.store_answer(REQUEST, answer(n), MODEL, wait_s=wait_s) for n in (1, 2)]
    assert [json.loads(each)["result"] for each in sent] == [[1], [1]]


async def test_a_request_that_is_cancelled_while_it_is_scored_is_sent_as_cancelled(
    outbox: Outbox, results: ResultStore
) -> None:
    await results.reserve(REQUEST)
    await results.cancel("r1", lambda _: b'{"id":"r1","status":"failed"}')
    assert json.loads(await outbox.store_answer(REQUEST, answer(1), MODEL))["status"] == "failed"
