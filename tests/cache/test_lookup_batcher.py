"""Lookups share round trips."""

from __future__ import annotations

import asyncio

import pytest
from redis.asyncio import Redis

from cache import CacheUnavailable
from cache.lookup_batcher import MAX_KEYS


def round_trips(cache):
    return cache.counts()["round_trips"]


async def stored(cache, key, count):
    cache.store_soon([(f"{key}{n}", b"%d" % n) for n in range(count)], ttl_s=60)
    await cache.flush()
    return round_trips(cache)


async def test_lookups_of_one_loop_iteration_share_a_round_trip(redis_cache, key):
    before = await stored(redis_cache, key, 50)
    single = (redis_cache.get(f"{key}{n}") for n in range(50))
    many = (redis_cache.get_many([f"{key}{n}", f"{key}none", f"{key}0"]) for n in range(50))
    singles, lists = await asyncio.gather(asyncio.gather(*single), asyncio.gather(*many))
    assert [entry.value for entry in singles] == [b"%d" % n for n in range(50)]
    for number, (first, second, third) in enumerate(lists):
        assert (first.value, second, third.value) == (b"%d" % number, None, b"0")
    assert round_trips(redis_cache) == before + 1


async def test_lookups_during_a_round_trip_share_the_next_one(
    stoppable_redis, open_cache, key, eventually_async
):
    cache = open_cache(stoppable_redis.url)
    before = await stored(cache, key, 30)
    stoppable_redis.pause()
    calls = []
    for number in range(30):
        calls.append(asyncio.create_task(cache.get(f"{key}{number}")))
        # Each in a turn of its own.
        await asyncio.sleep(0)
    await eventually_async(lambda: round_trips(cache) > before)
    stoppable_redis.resume()
    assert [(await call).value for call in calls] == [b"%d" % n for n in range(30)]
    assert round_trips(cache) == before + 2


async def test_a_slow_round_trip_does_not_delay_the_next(
    stoppable_redis, open_cache, key, eventually_async
):
    """Otherwise a lookup across a far network would take twice as long."""
    cache = open_cache(stoppable_redis.url, timeout_ms=2000)
    before = await stored(cache, key, 2)
    stoppable_redis.pause()
    first = asyncio.create_task(cache.get(f"{key}0"))
    await eventually_async(lambda: round_trips(cache) == before + 1)
    second = asyncio.create_task(cache.get(f"{key}1"))
    await eventually_async(lambda: round_trips(cache) == before + 2)
    stoppable_redis.resume()
    assert ((await first).value, (await second).value) == (b"0", b"1")


async def test_more_keys_than_one_command_holds_share_a_round_trip(redis_cache, key):
    before = await stored(redis_cache, key, 2)
    asked = [f"{key}{n}" for n in range(2 * MAX_KEYS + 1)]
    found = await redis_cache.get_many(asked)
    assert [entry.value for entry in found if entry] == [b"0", b"1"]
    assert len(found) == len(asked)
    assert round_trips(redis_cache) == before + 1


async def test_a_key_of_another_type_is_a_miss_and_does_not_affect_other_keys(
    redis_server, redis_cache, key
):
    await stored(redis_cache, key, 2)
    async with Redis.from_url(redis_server.url) as client:
        await client.rpush(f"{key}list", "one")
    found = await redis_cache.get_many([f"{key}0", f"{key}list", f"{key}1"])
    assert [entry and entry.value for entry in found] == [b"0", None, b"1"]


async def test_an_outage_reaches_all_callers_of_a_round_trip(free_port, open_cache, key):
    cache = open_cache(f"redis://127.0.0.1:{free_port()}/0")
    calls = (cache.get(f"{key}{n}") for n in range(10))
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [CacheUnavailable] * 10
    assert round_trips(cache) == 1


async def test_closing_ends_lookups_that_wait_to_be_sent(
    stoppable_redis, open_cache, key, eventually_async
):
    cache = open_cache(stoppable_redis.url)
    await cache.ping()
    before = round_trips(cache)
    stoppable_redis.pause()
    first = asyncio.create_task(cache.get(key))
    await eventually_async(lambda: round_trips(cache) > before)
    second = asyncio.create_task(cache.get(key))
    await asyncio.sleep(0)
    await cache.close()
    for call in (first, second):
        with pytest.raises(CacheUnavailable, match="closed before it answered"):
            await call
    assert asyncio.all_tasks() == {asyncio.current_task()}
