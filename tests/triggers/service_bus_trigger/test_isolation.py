"""A message that ends the process: found among its neighbours, and given up alone."""

import asyncio
import json

import pytest

from inference.errors import Overloaded
from inference.results.crashes import Crashes
from tests.triggers.outages import Killed
from triggers.service_bus_trigger.isolation import (
    FROM_DELIVERY,
    MAX_CRASHES,
    TOGETHER,
    Isolation,
    RepeatedCrash,
)
from triggers.service_bus_trigger.message_scoring import MessageHandler
from triggers.service_bus_trigger.received_message import ReceivedMessage

ROW = b"[[0.9, 0.9, 0.9]]"
POISON = b"[[666, 0, 0]]"


class DeadProcess:
    """A cache as a process that ended leaves it: nothing is written after `killed`."""

    def __init__(self, cache):
        self._cache, self.killed = cache, False

    def __getattr__(self, name):
        return getattr(self._cache, name)

    async def put(self, key, value, *, ttl_s):
        if not self.killed:
            await self._cache.put(key, value, ttl_s=ttl_s)


def batch(count, delivery):
    return [
        ReceivedMessage(
            body=POISON if number == count // 2 else ROW,
            message_id=f"m{number}",
            delivery_count=delivery,
        )
        for number in range(count)
    ]


async def deliver(scorer, results, messages, monkeypatch):
    """One process's attempt at a batch: its documents, or None if it ended."""
    process = DeadProcess(results.crashes._cache)
    results.crashes = Crashes(process, results.crashes._key)
    handler = MessageHandler(scorer, results, retry_s=0)
    real = type(scorer).score

    async def score(request):
        if process.killed:
            raise Killed
        if request.body == POISON:
            process.killed = True
            raise Killed
        return await real(scorer, request)

    with monkeypatch.context() as patched:
        patched.setattr(scorer, "score", score)
        try:
            sent = await handler.score(messages)
        except Killed:
            return None
        finally:
            results.crashes = Crashes(process._cache, results.crashes._key)
    return [json.loads(document) for document in sent.documents]


async def test_a_message_that_ends_its_process_is_given_up_and_its_neighbours_are_answered(
    scorer, results, monkeypatch
):
    await scorer.script()
    ended = 0
    while (done := await deliver(scorer, results, batch(64, ended + 1), monkeypatch)) is None:
        ended += 1
    assert ended == FROM_DELIVERY - 1 + MAX_CRASHES
    failed = [document for document in done if document["status"] == "failed"]
    assert [(each["id"], each["error"]["code"]) for each in failed] == [("m32", "tries_exhausted")]
    assert f"the process ended {ended} times" in failed[0]["error"]["message"]
    assert len(done) == 64
    # Once it is corrected, it can be sent again.
    (again,) = (
        await MessageHandler(scorer, results, retry_s=0).score(
            [ReceivedMessage(body=POISON, message_id="m32")]
        )
    ).documents
    assert json.loads(again)["status"] == "succeeded"


async def test_a_few_are_in_work_together_and_a_suspect_is_alone(results):
    isolation, busy, most = Isolation(results.crashes), set(), {}
    await results.crashes.set("suspect", 1)

    async def work(name):
        async with isolation.turn(name):
            busy.add(name)
            await asyncio.sleep(0)
            most[name] = len(busy)
            busy.remove(name)

    names = [*(f"m{n}" for n in range(20)), "suspect", *(f"n{n}" for n in range(20))]
    await asyncio.gather(*map(work, names))
    assert most["suspect"] == 1
    assert 1 < max(most.values()) <= TOGETHER
    assert [await results.crashes.count(name) for name in names] == [
        int(name == "suspect") for name in names
    ]


async def test_a_turn_that_does_not_come_in_time_is_tried_again_and_is_no_crash(results):
    isolation = Isolation(results.crashes)
    await results.crashes.set("suspect", 1)
    async with isolation.turn("m"):
        with pytest.raises(Overloaded):
            async with isolation.turn("suspect", wait_s=0.05):
                pass
    assert await results.crashes.count("suspect") == 1
    async with isolation.turn("suspect", wait_s=0.05):
        pass


@pytest.mark.parametrize("error", [ValueError, asyncio.CancelledError])
async def test_an_attempt_that_fails_is_no_crash(results, error):
    isolation = Isolation(results.crashes)

    async def attempt():
        async with isolation.turn("m"):
            assert await results.crashes.count("m") == 1
            raise error

    for _ in range(MAX_CRASHES + 1):
        with pytest.raises(error):
            await attempt()
    assert await results.crashes.count("m") == 0


async def test_a_message_is_scored_while_the_cache_is_away(results, cache):
    cache.away = True
    async with Isolation(results.crashes).turn("m"):
        pass
    cache.away = False
    await results.crashes.set("m", MAX_CRASHES)
    with pytest.raises(RepeatedCrash):
        async with Isolation(results.crashes).turn("m"):
            pass
