"""Documents that the output queue does not take: each is kept, and sent once it does."""

from __future__ import annotations

import asyncio
import json

import pytest
from azure.storage.blob import BlobLeaseClient

from inference.errors import ModelUnavailable
from tests.triggers.blob_trigger.blob_parts import Queue, parts, storage_of
from triggers.blob_trigger import document_delivery
from triggers.blob_trigger.exhausted_blobs import POLL_S

CSV = b"0.9,0.9,0.9\n0.1,0.1,0.1\n"
AWAY = ConnectionError("the broker is away")


@pytest.fixture
def storage(azurite):
    with storage_of(azurite) as account:
        yield account


@pytest.fixture
def made(scorer, results, storage):
    return parts(scorer, results, storage, max_attempts=3)


@pytest.fixture
def blob(storage):
    return storage.source.upload_blob("rows.csv", CSV)


async def score(made, blob, storage):
    return json.loads(await made.handler.score(blob, storage.output))


async def test_a_document_is_sent_with_ids_that_are_the_same_in_each_attempt(made, blob, storage):
    first = await score(made, blob, storage)
    assert await score(made, blob, storage) == first
    one, other = made.queue.messages
    assert one == other
    assert one.correlation_id == first["id"]
    assert one.session_id
    assert storage.markers() == []


async def test_a_blob_is_finished_while_the_queue_is_away_and_its_document_comes_later(
    made, blob, storage, scorer
):
    made.queue.error = AWAY
    document = await score(made, blob, storage)
    assert document["status"] == "succeeded"
    assert (len(storage.markers()), scorer.counts.unsent_documents) == (1, 1)
    assert await made.exhausted.poll() == 2 * document_delivery.FIRST_PAUSE_S
    assert scorer.counts.unsent_documents == 1
    made.queue.error = None
    assert await made.exhausted.poll() == POLL_S
    assert (made.sent, storage.markers()) == ([document], [])
    assert scorer.counts.unsent_documents == 0


async def test_another_process_sends_it_without_a_result_store(
    made, blob, storage, scorer, results, monkeypatch
):
    made.queue.error = AWAY

    async def away(*_, **__):
        raise ConnectionError

    for name in ("get", "add", "put", "replace"):
        monkeypatch.setattr(results._cache, name, away)
    document = await score(made, blob, storage)
    other = parts(scorer, results, storage, max_attempts=3)
    await other.exhausted.poll()
    assert other.sent == [document]
    assert storage.markers() == []
    made.queue.error = None
    await made.exhausted.poll()
    assert made.sent == []
    assert await score(made, blob, storage)  # the queue is there again: nothing is kept
    assert storage.markers() == []


async def test_an_outage_is_waited_for_once(made, storage):
    calls = 0

    async def refuse(_):
        nonlocal calls
        calls += 1
        raise AWAY

    made.delivery._send = refuse
    for number in range(4):
        await score(made, storage.source.upload_blob(f"{number}.csv", CSV), storage)
    assert (calls, len(storage.markers())) == (1, 4)
    await made.exhausted.poll()
    assert calls == 2


async def test_a_document_that_is_refused_holds_up_no_other(made, storage):
    refused = []

    class Choosy(Queue):
        async def send(self, message):
            if "first.csv" in message.body:
                refused.append(message)
                raise ValueError("too large")
            await super().send(message)

    queue = Choosy()
    made.delivery._send = queue.send
    for name in ("first.csv", "second.csv"):
        await score(made, storage.source.upload_blob(name, CSV), storage)
    assert (len(queue.messages), len(refused)) == (1, 1)
    await made.exhausted.poll()
    assert (len(refused), len(storage.markers())) == (2, 1)


async def test_a_document_that_can_t_be_sent_uses_up_no_attempt(
    made, blob, storage, scorer, results, monkeypatch
):
    made.queue.error = AWAY
    for _ in range(2 * made.attempts.max_attempts):  # the platform calls again after a kill
        assert (await score(made, blob, storage))["status"] == "succeeded"
    assert made.attempts.begin(made.attempts.read(storage.markers()[0]).version) == 1


async def test_the_document_of_an_exhausted_blob_keeps_its_reason(
    made, blob, storage, scorer, monkeypatch
):
    made.queue.error = AWAY

    async def refuse(*_, **__):
        raise ModelUnavailable("the model did not load: OSError")

    with monkeypatch.context() as patch:
        patch.setattr(scorer, "predict", refuse)
        for _ in range(made.attempts.max_attempts):
            with pytest.raises(ModelUnavailable):
                await score(made, blob, storage)
    await made.exhausted.poll()
    made.queue.error = None
    await made.exhausted.poll()
    (document,) = made.sent
    assert document["error"]["code"] == "tries_exhausted"
    assert "did not load" in document["error"]["message"]
    assert storage.markers() == []
    assert ("blob", "", "failed", 1) in scorer.counts.requests.by_status()
    assert scorer.counts.requests.exhausted["blob"].value == 1


async def test_a_process_that_is_killed_while_it_sends_a_kept_document_loses_nothing(
    made, blob, storage, scorer, results
):
    made.queue.error = AWAY
    await score(made, blob, storage)
    sending = asyncio.Event()

    async def hang(_):
        sending.set()
        await asyncio.Event().wait()

    made.delivery._send = hang
    polling = asyncio.create_task(made.exhausted.poll())
    await asyncio.wait_for(sending.wait(), 10)
    polling.cancel()
    await asyncio.gather(polling, return_exceptions=True)
    (marker,) = storage.markers()
    other = parts(scorer, results, storage, max_attempts=3)
    await other.exhausted.poll()  # the lease is still the killed process's
    assert (other.sent, storage.markers()) == ([], [marker])
    BlobLeaseClient(storage.tries.get_blob_client(marker)).break_lease(0)
    await other.exhausted.poll()
    assert len(other.sent) == 1
    assert storage.markers() == []


async def test_the_next_poll_comes_soon_after_a_document_is_kept(made, blob, storage, monkeypatch):
    monkeypatch.setattr(document_delivery, "FIRST_PAUSE_S", 0.05)
    made.queue.error = AWAY
    polling = asyncio.create_task(made.exhausted.poll_forever())
    await asyncio.sleep(0.3)  # the first poll found nothing: the next would come in a minute
    await score(made, blob, storage)
    made.queue.error = None
    async with asyncio.timeout(10):
        while not made.sent:
            await asyncio.sleep(0.05)
    polling.cancel()
    await asyncio.gather(polling, return_exceptions=True)
