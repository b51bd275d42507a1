"""A message whose last attempt ended with its process gets its document on the queue too."""

import asyncio
import json
from typing import Any

import pytest

from cache import keys
from cache.memory_cache import MemoryCache
from inference.errors import ModelUnavailable, Overloaded
from inference.results.result_store import ResultStore
from tests.triggers.outages import Killed, overloaded
from tests.triggers.service_bus_trigger.test_service_bus_blueprint import message
from triggers.service_bus_trigger.exhausted_messages import ExhaustedMessages
from triggers.service_bus_trigger.message_scoring import LOCK_S, MessageHandler


@pytest.fixture
def handler(scorer, results, clock):
    return MessageHandler(scorer, results, clock=clock, sleep=clock.sleep)


class Queue:
    def __init__(self) -> None:
        self.sent: dict[str, dict[str, Any]] = {}
        self.broken = False

    async def send(self, document: str, name: str) -> None:
        if self.broken:
            raise OSError("no broker")
        self.sent[name] = json.loads(document)  # one of a name, as the broker has it

    @property
    def documents(self):
        return list(self.sent.values())


@pytest.fixture
def queue():
    return Queue()


@pytest.fixture
def exhausted(results, queue):
    return ExhaustedMessages(results.final_attempts, queue.send)


async def kill(handler, scorer, monkeypatch, *messages):
    async def killed(request):
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(scorer, "score", killed)
        for each in messages:
            with pytest.raises(Killed):
                await handler.score([each])


async def test_ten_kills_of_a_message_end_in_one_document_on_the_queue(
    handler, scorer, results, exhausted, queue, clock, monkeypatch
):
    await kill(
        handler,
        scorer,
        monkeypatch,
        *(message(delivery_count=delivery_count) for delivery_count in range(1, 11)),
    )
    await exhausted.poll()
    assert queue.documents == []  # the last one may still be at work
    clock.now += LOCK_S
    for _ in range(3):
        await exhausted.poll()
    (told,) = queue.documents
    assert (told["id"], told["status"]) == ("m1", "failed")
    assert told["error"]["code"] == "tries_exhausted"
    assert json.loads((await results.get("m1")).document) == told


async def test_the_failed_last_attempt_of_a_message_is_sent_to_the_queue(
    handler, scorer, exhausted, queue, monkeypatch
):
    overloaded(scorer, monkeypatch, error=ModelUnavailable)
    with pytest.raises(ModelUnavailable):
        await handler.score([message(delivery_count=10), message(name="m2", delivery_count=9)])
    await exhausted.poll()
    assert [each["id"] for each in queue.documents] == ["m1"]


async def test_a_successful_last_attempt_is_sent_by_its_own_call_alone(
    handler, results, exhausted, queue, clock
):
    await handler.score([message(delivery_count=10)])
    clock.now += LOCK_S
    await exhausted.poll()
    assert queue.documents == []
    assert await results.final_attempts.due() == []


async def test_a_successful_last_attempt_is_sent_although_its_batch_is_delivered_again(
    scorer, results, clock, queue, monkeypatch
):
    handler = MessageHandler(scorer, results, clock=clock, sleep=clock.sleep, send=queue.send)
    real = scorer.score

    async def one_waits(request):
        if request.id == "busy":
            raise Overloaded("busy")
        return await real(request)

    monkeypatch.setattr(scorer, "score", one_waits)
    batch = [
        message(delivery_count=10),
        message(name="m2", delivery_count=9),
        message(name="busy", delivery_count=2),
    ]
    with pytest.raises(Overloaded):
        await handler.score(batch)
    assert [(each["id"], each["status"]) for each in queue.documents] == [("m1", "succeeded")]
    queue.broken = True
    with pytest.raises(Overloaded):
        await handler.score(batch)


@pytest.fixture
def shared(cache, monkeypatch):
    """The cache is one that other processes share."""
    monkeypatch.setattr(cache, "remote", True)


async def test_the_document_of_a_last_delivery_is_sent_by_the_app_and_by_no_binding(
    scorer, results, queue
):
    handler = MessageHandler(scorer, results, send=queue.send)
    assert await handler.score([message(delivery_count=10), message(name="m2")]) == ([], [])
    # A binding that fails would fail for both.
    assert [each["id"] for each in queue.documents] == ["m1", "m2"]


async def test_a_last_delivery_that_can_t_be_sent_is_finished_and_sent_later(
    scorer, results, exhausted, queue, shared
):
    handler = MessageHandler(scorer, results, send=queue.send)
    queue.broken = True
    assert await handler.score([message(delivery_count=10)]) == ([], [])
    with pytest.raises(OSError, match="no broker"):
        await exhausted.poll()
    queue.broken = False
    await exhausted.poll()
    assert [(each["id"], each["status"]) for each in queue.documents] == [("m1", "succeeded")]
    await exhausted.poll()
    assert len(queue.sent) == 1


async def test_a_whole_batch_that_can_t_be_sent_is_kept(scorer, results, exhausted, queue, shared):
    handler = MessageHandler(scorer, results, send=queue.send)
    queue.broken = True
    names = [f"m{number}" for number in range(64)]
    batches = [[message(name=name, delivery_count=10)] for name in names[:40]]
    batches.append([message(name=name, delivery_count=10) for name in names[40:]])
    assert await asyncio.gather(*map(handler.score, batches)) == [([], [])] * len(batches)
    queue.broken = False
    await exhausted.poll()
    assert sorted(each["id"] for each in queue.documents) == sorted(names)


async def test_without_a_shared_cache_a_last_delivery_is_left_to_the_binding(
    scorer, results, queue
):
    handler = MessageHandler(scorer, results, send=queue.send)
    queue.broken = True
    sent = await handler.score([message(delivery_count=10)])
    assert len(sent.documents) == 1  # if it fails too, the input is in the dead-letter queue


async def test_a_document_about_an_id_in_use_is_kept_under_its_own_id(
    scorer, results, exhausted, queue, shared
):
    handler = MessageHandler(scorer, results, send=queue.send)
    await handler.score([message()])
    queue.broken = True
    await handler.score([message(b"[[9, 9, 9]]", delivery_count=10)])
    queue.broken = False
    await exhausted.poll()
    (document,) = queue.documents
    assert document["error"]["code"] == "id_in_use"


async def test_a_document_that_could_not_be_sent_is_sent_by_the_next_poll(
    handler, scorer, exhausted, queue, clock, monkeypatch
):
    await kill(
        handler,
        scorer,
        monkeypatch,
        message(delivery_count=10),
        message(name="m2", delivery_count=10),
    )
    clock.now += LOCK_S
    queue.broken = True
    with pytest.raises(OSError, match="no broker"):
        await exhausted.poll()
    queue.broken = False
    await exhausted.poll()
    assert {each["id"] for each in queue.documents} == {"m1", "m2"}


async def test_a_document_that_is_refused_keeps_no_other_from_being_sent(
    handler, scorer, results, queue, clock, monkeypatch
):
    names = ("m1", "m2", "m3")
    await kill(
        handler, scorer, monkeypatch, *(message(name=name, delivery_count=10) for name in names)
    )
    clock.now += LOCK_S

    async def refuse_one(document, name):
        if json.loads(document)["id"] == "m1":
            raise ValueError("refused")
        await queue.send(document, name)

    exhausted = ExhaustedMessages(results.final_attempts, refuse_one)
    with pytest.raises(ValueError, match="refused"):
        await exhausted.poll()
    assert {each["id"] for each in queue.documents} == {"m2", "m3"}


async def test_one_of_two_processes_polls(results, queue):
    looking, others = asyncio.Event(), asyncio.Event()
    first = ExhaustedMessages(results.final_attempts, queue.send)
    second = ExhaustedMessages(
        ResultStore(results._cache, keys.result_key, 600).final_attempts, queue.send
    )
    over = results.final_attempts.due

    async def slow():
        looking.set()
        await others.wait()
        return await over()

    results.final_attempts.due = slow
    task = asyncio.create_task(first.poll())
    await looking.wait()
    await second.poll()  # returns at once
    others.set()
    await task
    assert await second._final_attempts.acquire_lease(1)


async def test_many_processes_may_add_last_attempts_at_the_same_time():
    cache = MemoryCache()
    every = [ResultStore(cache, keys.result_key, 600).final_attempts for _ in range(10)]
    await asyncio.gather(*(attempts.add(f"m{n}\udc80") for n, attempts in enumerate(every)))
    named = json.loads((await cache.get(every[0]._key)).value)
    assert named == [f"m{n}\udc80" for n in range(10)]


async def test_polling_survives_an_outage(exhausted, cache, queue):
    looks = 0

    async def sleep(seconds):
        nonlocal looks
        looks += 1
        cache.away = looks < 5
        queue.broken = looks < 10
        if looks == 20:
            raise asyncio.CancelledError

    exhausted._sleep = sleep
    with pytest.raises(asyncio.CancelledError):
        await exhausted.poll_forever()
    assert looks == 20
