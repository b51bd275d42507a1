"""A near cache before Redis: which values it may return, and for how long."""

from __future__ import annotations

import asyncio

import pytest

from cache import CacheUnavailable
from cache.near_cache import NearCache
from cache.tiered_cache import NEAR_S, TieredCache
from tests.clock import Clock


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def cache(redis_server, open_cache, clock):
    return TieredCache(NearCache(clock=clock), open_cache(redis_server.url))


@pytest.fixture
def elsewhere(redis_server, open_cache):
    """Another process."""
    return open_cache(redis_server.url)


async def store(cache, key, value, ttl_s=60):
    cache.store_soon([(key, value)], ttl_s=ttl_s)
    await cache.flush()


async def value(cache, key):
    entry = await cache.get(key)
    return None if entry is None else entry.value


async def test_what_is_stored_soon_is_near_at_once(cache, key):
    cache.store_soon([(key, b"value")], ttl_s=60)
    assert cache.peek(key).value == b"value"
    assert cache.peek(f"{key}2") is None


async def test_what_was_found_in_redis_is_near(cache, elsewhere, key):
    await store(elsewhere, key, b"value")
    assert cache.peek(key) is None
    found = await cache.get(key)
    assert cache.peek(key)._replace(age_s=found.age_s) == found


async def test_a_near_copy_is_dropped_in_time_to_see_a_change_in_redis(
    cache, elsewhere, key, clock
):
    for write in (store(elsewhere, key, b"first"), store(cache, key, b"first")):
        await write
        assert await value(cache, key) == b"first"
        await store(elsewhere, key, b"recomputed")
        clock.now += NEAR_S - 0.01
        assert await value(cache, key) == b"first"
        clock.now += 0.01
        assert cache.peek(key) is None
        assert await value(cache, key) == b"recomputed"
        clock.now += NEAR_S


async def test_a_near_copy_does_not_outlive_its_entry(cache, elsewhere, key, clock):
    await store(elsewhere, key, b"value", ttl_s=2)
    left_s = (await cache.get(key)).ttl_left_s
    assert 0 < left_s < NEAR_S
    clock.now += left_s
    assert cache.peek(key) is None


async def test_the_age_of_a_near_copy_increases(cache, elsewhere, key, clock):
    await store(elsewhere, key, b"value")
    found = await cache.get(key)
    clock.now += 3
    later = cache.peek(key)
    assert later.age_s == pytest.approx(found.age_s + 3)
    assert later.ttl_left_s == pytest.approx(found.ttl_left_s - 3)


async def test_values_that_may_be_replaced_have_no_near_copy(cache, elsewhere, key):
    await cache.add(key, b"pending", ttl_s=60)
    assert await value(cache, key) == b"pending"
    assert cache.peek(key) is None
    await elsewhere.put(key, b"finished", ttl_s=60)
    assert await value(cache, key) == b"finished"


async def test_a_put_removes_the_near_copy(cache, key):
    await store(cache, key, b"first")
    await cache.put(key, b"second", ttl_s=60)
    assert cache.peek(key) is None
    assert await value(cache, key) == b"second"


async def test_a_kept_value_stays_in_the_process_for_its_lifetime(cache, elsewhere, key, clock):
    cache.keep([(key, b"value")], ttl_s=60)
    await cache.flush()
    assert await elsewhere.get(key) is None
    clock.now += 59.9
    assert cache.peek(key).value == b"value"
    clock.now += 0.1
    assert cache.peek(key) is None


async def test_an_answer_of_redis_does_not_replace_a_newer_near_value(cache, elsewhere, key):
    await store(elsewhere, key, b"older")
    asked = asyncio.create_task(cache.get(key))
    await asyncio.sleep(0)
    cache.store_soon([(key, b"newer")], ttl_s=60)
    await asked
    assert cache.peek(key).value == b"newer"


async def test_only_keys_that_are_not_near_are_looked_up_in_redis(cache, elsewhere, key):
    await store(elsewhere, f"{key}far", b"far")
    cache.keep([(f"{key}near", b"near")], ttl_s=60)
    asked = [f"{key}far", f"{key}near", f"{key}none", f"{key}far", f"{key}near"]
    found = await cache.get_many(asked)
    assert [entry and entry.value for entry in found] == [b"far", b"near", None, b"far", b"near"]
    assert cache.counts()["round_trips"] == 1


async def test_near_hits_make_no_round_trip(cache, key):
    cache.keep([(key, b"value")], ttl_s=60)
    assert (await cache.get(key)).value == b"value"
    assert [entry.value for entry in await cache.get_many([key, key])] == [b"value"] * 2
    assert cache.counts()["round_trips"] == 0


async def test_it_counts_hits_and_misses_of_both_caches(cache, elsewhere, key):
    await store(elsewhere, key, b"value")
    cache.peek(key)
    await cache.get_many([key, f"{key}2"])
    cache.peek(key)
    assert cache.counts() == {
        "round_trips": 1,
        "stores_shed": 0,
        "breaker_openings": 0,
    }


async def test_near_values_are_found_during_an_outage(free_port, open_cache, key):
    cache = TieredCache(NearCache(), open_cache(f"redis://127.0.0.1:{free_port()}/0"))
    cache.store_soon([(key, b"value")], ttl_s=60)
    await cache.flush()
    assert cache.peek(key).value == b"value"
    assert (await cache.get(key)).value == b"value"
    with pytest.raises(CacheUnavailable):
        await cache.get_many([key, f"{key}2"])
    assert cache.counts()["stores_shed"] == 1


async def test_closing_removes_near_values_and_writes_waiting_stores(cache, elsewhere, key):
    cache.store_soon([(key, b"value")], ttl_s=60)
    await cache.close()
    assert cache.peek(key) is None
    assert await value(elsewhere, key) == b"value"
