"""A cancelled caller does not affect others."""

from __future__ import annotations

import asyncio

import pytest
from redis.asyncio import Redis

from cache.redis_client import MAX_CONNECTIONS


async def under_way(cache, operations, eventually_async):
    """Until so many operations have been handed to the server's side."""
    await eventually_async(lambda: cache._session and cache._session.executor.running == operations)


async def test_a_cancelled_caller_does_not_count_as_an_outage(
    stoppable_redis, open_cache, key, eventually_async
):
    cache = open_cache(stoppable_redis.url)
    await cache.ping()
    await under_way(cache, 0, eventually_async)
    stoppable_redis.pause()
    for number in range(20):
        call = asyncio.create_task(cache.add(key, b"value", ttl_s=60))
        await under_way(cache, number + 1, eventually_async)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    assert cache.state == "ok"


async def test_a_cancelled_caller_does_not_affect_others_of_its_round_trip(
    stoppable_redis, open_cache, key, eventually_async
):
    cache = open_cache(stoppable_redis.url)
    for number in range(3):
        await cache.put(f"{key}{number}", b"%d" % number, ttl_s=60)
    await under_way(cache, 0, eventually_async)
    stoppable_redis.pause()
    calls = [asyncio.create_task(cache.get(f"{key}{number}")) for number in range(3)]
    await under_way(cache, 1, eventually_async)
    calls[0].cancel()
    await asyncio.wait(calls[:1])
    stoppable_redis.resume()
    assert [(await call).value for call in calls[1:]] == [b"1", b"2"]
    assert calls[0].cancelled()


async def test_a_round_trip_whose_callers_are_all_cancelled_is_not_an_outage(
    stoppable_redis, open_cache, key, eventually_async
):
    cache = open_cache(stoppable_redis.url)
    await cache.ping()
    await under_way(cache, 0, eventually_async)
    stoppable_redis.pause()
    calls = [asyncio.create_task(cache.get(key)) for _ in range(3)]
    await under_way(cache, 1, eventually_async)
    for call in calls:
        call.cancel()
    await asyncio.wait(calls)
    stoppable_redis.resume()
    await under_way(cache, 0, eventually_async)
    assert cache.state == "ok"
    assert await cache.get(key) is None


async def test_a_caller_cancelled_before_a_round_trip_does_not_affect_the_others(redis_cache, key):
    await redis_cache.put(key, b"value", ttl_s=60)
    calls = [asyncio.create_task(redis_cache.get(key)) for _ in range(3)]
    # One turn: they have asked, and nothing has been sent.
    await asyncio.sleep(0)
    calls[1].cancel()
    assert [(await call).value for call in (calls[0], calls[2])] == [b"value"] * 2


async def test_the_connection_of_a_cancelled_caller_can_be_used_again(
    stoppable_redis, open_cache, key, eventually_async
):
    cache = open_cache(stoppable_redis.url)
    numbers = range(2 * MAX_CONNECTIONS)
    for number in numbers:
        await cache.put(f"{key}{number}", b"%d" % number, ttl_s=60)
    await under_way(cache, 0, eventually_async)
    stoppable_redis.pause()
    calls = [asyncio.create_task(cache.add(f"{key}{n}", b"", ttl_s=60)) for n in numbers]
    calls += [asyncio.create_task(cache.get(f"{key}{n}")) for n in numbers]
    await under_way(cache, len(numbers) + 1, eventually_async)
    for call in calls:
        call.cancel()
    await asyncio.wait(calls)
    stoppable_redis.resume()
    entries = await asyncio.gather(*(cache.get(f"{key}{n}") for n in reversed(numbers)))
    assert [entry.value for entry in entries] == [b"%d" % n for n in reversed(numbers)]


async def test_a_thousand_cancelled_callers_leak_neither_connection_nor_task(
    redis_server, open_cache, key, eventually_async
):
    cache = open_cache(redis_server.url)
    for _ in range(50):
        calls = [asyncio.create_task(cache.get(key)) for _ in range(10)]
        calls += [asyncio.create_task(cache.lease(key, ttl_s=0.001)) for _ in range(10)]
        await asyncio.wait(calls, timeout=0.0005)
        for call in calls:
            call.cancel()
        await asyncio.wait(calls)
    await eventually_async(lambda: asyncio.all_tasks() == {asyncio.current_task()})
    async with Redis.from_url(redis_server.url) as client:
        assert (await client.info("clients"))["connected_clients"] <= MAX_CONNECTIONS + 1
    assert await cache.get(key) is None
    assert cache.state == "ok"


async def test_a_callers_deadline_does_not_affect_others(stoppable_redis, open_cache, key):
    cache = open_cache(stoppable_redis.url)
    await cache.ping()
    stoppable_redis.pause()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await cache.get(key)
    assert cache.state == "ok"
