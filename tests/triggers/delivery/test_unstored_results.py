"""Documents during an outage of the cache, on a clock that only sleeps move."""

import asyncio
import json
import logging

import pytest

from cache import keys
from inference.counters.counts import Counts
from inference.request import Request
from inference.results.result_store import ResultStore
from triggers.delivery.unstored_results import GRACE_S, StoreUnavailable, UnstoredResults


@pytest.fixture
def results(cache):
    return ResultStore(cache, keys.result_key, ttl_s=86_400)


@pytest.fixture
def unstored(results, clock):
    return UnstoredResults(results, Counts(), max_bytes=1000, clock=clock, sleep=clock.sleep)


def named(name: str, body: bytes = b"") -> Request:
    return Request(id=name, source="servicebus", body=body)


async def stored(results, name: str):
    found = await results.get(name)
    return found and json.loads(found.document)


async def test_storing_is_retried_while_the_cache_fails(unstored, cache, results):
    fails = 4
    add = cache.add

    async def failing(key, value, *, ttl_s):
        nonlocal fails
        fails -= 1
        if fails >= 0:
            raise ConnectionError("weather")
        return await add(key, value, ttl_s=ttl_s)

    cache.add = failing
    assert await unstored.store(named("a"), b"1")
    assert await stored(results, "a") == 1
    assert len(unstored) == 0


async def test_inputs_wait_only_at_the_beginning_of_an_outage(unstored, cache, clock):
    cache.away = True
    await unstored.store(named("a"), b"1")
    assert 0 < clock.slept <= GRACE_S
    waited = clock.slept
    unstored._storing.cancel()
    await unstored.store(named("b"), b"1")
    assert clock.slept - waited <= GRACE_S - waited
    assert len(unstored) == 2


async def test_all_kept_documents_are_stored_when_the_cache_is_back(
    unstored, cache, results, eventually_async
):
    cache.away = True
    await asyncio.gather(*(unstored.store(named(f"{n}"), b"%d" % n) for n in range(200)))
    assert len(unstored) == 200
    cache.away = False
    await eventually_async(lambda: len(unstored) == 0 and unstored._storing is None)
    assert [await stored(results, f"{n}") for n in range(200)] == list(range(200))


async def test_beyond_max_bytes_the_oldest_is_dropped_and_logged(
    unstored, cache, results, caplog, eventually_async
):
    cache.away = True
    with caplog.at_level(logging.WARNING):
        for name in ("a", "b", "c"):
            await unstored.store(named(name, b"x" * 400), b"1")
    assert "the result of request 'a' is on the output queue only" in caplog.text
    cache.away = False
    await eventually_async(lambda: unstored._storing is None)
    assert [await stored(results, name) for name in ("a", "b", "c")] == [None, 1, 1]


async def test_storing_is_retried_while_the_cache_takes_no_writes(
    unstored, cache, results, clock, eventually_async
):
    full = True
    add = cache.add

    async def refusing(key, value, *, ttl_s):
        if full:
            raise ConnectionError("OOM command not allowed")
        return await add(key, value, ttl_s=ttl_s)

    cache.add = refusing
    await unstored.store(named("a"), b"1")
    await eventually_async(lambda: clock.slept > 10 * GRACE_S)
    before = clock.slept
    await unstored.retry(lambda: results.get("b"), at_most_s=0)
    await unstored.store(named("b"), b"2")
    assert clock.slept == before  # that it answers questions begins no other outage
    full = False
    await eventually_async(lambda: unstored._storing is None)
    assert [await stored(results, "a"), await stored(results, "b")] == [1, 2]


async def test_a_document_larger_than_max_bytes_is_dropped(unstored, cache, eventually_async):
    cache.away = True
    await unstored.store(named("a", b"x" * 400), b"1")
    await unstored.store(named("large", b"x" * 1001), b"1")
    assert len(unstored) == 0
    cache.away = False
    await eventually_async(lambda: unstored._storing is None)


async def test_an_error_in_storing_one_document_does_not_stop_the_others(
    unstored, cache, results, eventually_async
):
    cache.away = True
    for name in ("bad", "good"):
        await unstored.store(named(name), b"1")
    finish = results.finish

    async def faulty(request, document):
        if request.id == "bad":
            raise RuntimeError
        return await finish(request, document)

    results.finish = faulty
    cache.away = False
    await eventually_async(lambda: unstored._storing is None)
    assert await stored(results, "good") == 1


async def test_a_cancelled_waiter_does_not_affect_the_others(unstored, cache, results):
    cache.away = True
    first, second = (asyncio.create_task(unstored.store(named(n), b"1")) for n in ("a", "b"))
    await asyncio.sleep(0)
    first.cancel()
    cache.away = False
    assert await second
    assert await stored(results, "b") == 1


async def test_after_its_retries_the_store_is_unavailable(unstored, cache, results, clock):
    cache.away = True
    with pytest.raises(StoreUnavailable):
        await unstored.retry(lambda: results.get("a"), at_most_s=3)
    assert 1.5 < clock.slept <= 3
