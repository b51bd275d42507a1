"""Stores after the answer: written together, bounded, and never delaying a request."""

from __future__ import annotations

import asyncio
import logging
import time

import pytest
from redis.asyncio import Redis

from cache import write_behind
from cache.breaker import FAILURES
from cache.redis_executor import ABANDON_S
from cache.write_behind import WRITE_STORES


@pytest.fixture
async def client(redis_server):
    async with Redis.from_url(redis_server.url) as client:
        yield client


def items(key, count, size=1):
    return [(f"{key}{number}", b"%d" % number * size) for number in range(count)]


def round_trips(cache):
    return cache.counts()["round_trips"]


def shed(cache):
    return cache.counts()["stores_shed"]


async def sets_of(client):
    return (await client.info("commandstats")).get("cmdstat_set", {}).get("calls", 0)


async def test_stores_of_one_loop_iteration_are_written_together(redis_cache, key):
    for item in items(key, write_behind.WRITE_STORES):
        redis_cache.store_soon([item], ttl_s=60)
    await redis_cache.flush()
    assert round_trips(redis_cache) == 1


async def test_a_store_replaces_an_earlier_one_of_its_key_that_waits(redis_cache, client, key):
    before = await sets_of(client)
    for number in range(100):
        redis_cache.store_soon([(key, b"%d" % number)], ttl_s=60)
    await redis_cache.flush()
    assert await sets_of(client) == before + 1
    assert (await redis_cache.get(key)).value == b"99"


async def test_large_stores_do_not_all_go_at_once(redis_cache, key):
    mebibyte = 1024 * 1024
    redis_cache.store_soon([(f"{key}{n}", bytes(mebibyte)) for n in range(5)], ttl_s=60)
    await redis_cache.flush()
    assert round_trips(redis_cache) == 5
    found = await redis_cache.get_many([f"{key}{n}" for n in range(5)])
    assert [len(entry.value) for entry in found] == [mebibyte] * 5


async def test_lifetimes_differ_by_a_tenth_and_the_entry_knows_its_own(redis_cache, client, key):
    redis_cache.store_soon(items(key, 50), ttl_s=1000)
    await redis_cache.flush()
    lifetimes = {await client.pttl(f"{key}{number}") for number in range(50)}
    assert min(lifetimes) > 840_000
    assert max(lifetimes) <= 1_100_000
    assert len(lifetimes) > 25
    for number in range(50):
        left_s = (await redis_cache.get(f"{key}{number}")).ttl_left_s
        assert abs(left_s - await client.pttl(f"{key}{number}") / 1000) < 5


@pytest.mark.parametrize("bound", ["MAX_STORES", "MAX_BYTES"])
async def test_stores_beyond_the_buffer_are_dropped_counted_and_logged_once(
    redis_cache, key, caplog, monkeypatch, bound
):
    monkeypatch.setattr(write_behind, "MAX_STORES", 100)
    if bound == "MAX_BYTES":
        monkeypatch.setattr(write_behind, "MAX_STORES", 10_000)
        # The header, and the value.
        monkeypatch.setattr(write_behind, "MAX_BYTES", 100 * (22 + 10))
    caplog.set_level(logging.INFO, "cache")
    stores = [(f"{key}{number}", bytes(10)) for number in range(300)]
    redis_cache.store_soon(stores, ttl_s=60)
    assert shed(redis_cache) == 200
    await redis_cache.flush()
    found = await redis_cache.get_many([name for name, _ in stores])
    assert [entry is not None for entry in found] == [True] * 100 + [False] * 200
    assert [record.message for record in caplog.records] == [
        "stores are dropped until one is written again: too many stores wait",
        "stores are written again; 200 were dropped",
    ]


async def test_a_full_buffer_still_replaces(redis_cache, key, monkeypatch):
    monkeypatch.setattr(write_behind, "MAX_STORES", 1)
    redis_cache.store_soon([(key, b"first"), (f"{key}2", b"other"), (key, b"second")], ttl_s=60)
    await redis_cache.flush()
    assert shed(redis_cache) == 1
    assert (await redis_cache.get(key)).value == b"second"


async def test_stores_to_a_server_that_is_away_are_dropped_and_logged_once(
    stoppable_redis, open_cache, key, caplog, eventually_async
):
    caplog.set_level(logging.INFO, "cache.write_behind")
    cache = open_cache(stoppable_redis.url)
    await cache.ping()
    stoppable_redis.kill()
    for item in items(key, 20):
        cache.store_soon([item], ttl_s=60)
        await cache.flush()
    assert shed(cache) == 20
    assert cache.state == "degraded"
    stoppable_redis.start()

    async def is_answered():
        return await cache.ping()

    await eventually_async(is_answered)
    cache.store_soon([(key, b"value")], ttl_s=60)
    await cache.flush()
    assert (await cache.get(key)).value == b"value"
    first, last = (record for record in caplog.records if record.name == "cache.write_behind")
    assert first.message.startswith("stores are dropped until one is written again")
    assert last.message == "stores are written again; 20 were dropped"


async def test_an_open_breaker_drops_stores_at_once(open_cache, free_port, key):
    cache = open_cache(f"redis://127.0.0.1:{free_port()}/0")
    for _ in range(FAILURES):
        assert await cache.ping() is False
    tried = round_trips(cache)
    cache.store_soon(items(key, 1000), ttl_s=60)
    assert shed(cache) == 1000
    await cache.flush()
    assert round_trips(cache) == tried


async def test_a_server_that_hangs_keeps_nobody_waiting_and_opens_the_breaker(
    stoppable_redis, open_cache, key
):
    cache = open_cache(stoppable_redis.url, timeout_ms=50)
    await cache.ping()
    stoppable_redis.pause()
    began = time.monotonic()
    cache.store_soon(items(key, 10_000), ttl_s=60)
    assert time.monotonic() - began < ABANDON_S / 2
    await cache.flush()
    assert time.monotonic() - began < ABANDON_S
    assert shed(cache) == 10_000
    # Without the breaker there were one for each WRITE_STORES of them. Some of the FAILURES that
    # open it may not count: this machine may have stood still.
    assert cache.counts()["breaker_openings"] == 1
    assert round_trips(cache) <= 2 * FAILURES < 10_000 // WRITE_STORES


async def test_refused_stores_are_dropped_and_do_not_open_the_breaker(redis_cache, client, key):
    await client.config_set("maxmemory", 1)
    try:
        for _ in range(2 * FAILURES):
            redis_cache.store_soon(items(key, 2), ttl_s=60)
            await redis_cache.flush()
        assert shed(redis_cache) == 4 * FAILURES
        assert redis_cache.degradation.code == "full"
        assert await redis_cache.get(key) is None
    finally:
        await client.config_set("maxmemory", 0)


async def test_a_cancelled_flush_does_not_stop_the_writing(stoppable_redis, open_cache, key):
    cache = open_cache(stoppable_redis.url)
    await cache.ping()
    stoppable_redis.pause()
    cache.store_soon([(key, b"value")], ttl_s=60)
    leaving = asyncio.create_task(cache.flush())
    await asyncio.wait([leaving], timeout=0.05)
    leaving.cancel()
    await asyncio.wait([leaving])
    stoppable_redis.resume()
    await cache.flush()
    assert (await cache.get(key)).value == b"value"


async def test_closing_writes_waiting_stores(redis_server, open_cache, key):
    cache = open_cache(redis_server.url)
    cache.store_soon(items(key, 1000), ttl_s=60)
    await cache.close()
    assert shed(cache) == 0
    assert asyncio.all_tasks() == {asyncio.current_task()}
    found = await open_cache(redis_server.url).get_many([name for name, _ in items(key, 1000)])
    assert None not in found


@pytest.mark.parametrize("first", ["writer", "closing"])
async def test_closing_writes_the_stores_of_a_cancelled_writer(
    stoppable_redis, open_cache, key, first
):
    """As where a loop ends: it cancels all tasks at once, and one of them closes."""
    cache = open_cache(stoppable_redis.url, timeout_ms=5000)
    await cache.ping()
    stoppable_redis.pause()
    cache.store_soon(items(key, 1000), ttl_s=60)
    await asyncio.sleep(0)
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    if first == "closing":
        closing = asyncio.create_task(cache.close())
        await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    if first == "writer":
        closing = asyncio.create_task(cache.close())
    await asyncio.sleep(0)
    stoppable_redis.resume()
    await closing
    assert shed(cache) == 0
    found = await open_cache(stoppable_redis.url).get_many([name for name, _ in items(key, 1000)])
    assert None not in found


async def test_closing_does_not_wait_long_for_a_server_that_hangs(stoppable_redis, open_cache, key):
    cache = open_cache(stoppable_redis.url, timeout_ms=100)
    await cache.ping()
    stoppable_redis.pause()
    cache.store_soon(items(key, 10_000), ttl_s=60)
    began = time.monotonic()
    await cache.close()
    assert time.monotonic() - began < ABANDON_S / 2
    assert shed(cache) == 10_000
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_stores_during_a_write_are_written_too(
    stoppable_redis, open_cache, key, eventually_async
):
    cache = open_cache(stoppable_redis.url)
    await cache.ping()
    before = round_trips(cache)
    stoppable_redis.pause()
    cache.store_soon([(key, b"first")], ttl_s=60)
    await eventually_async(lambda: round_trips(cache) > before)
    cache.store_soon([(key, b"second"), (f"{key}2", b"other")], ttl_s=60)
    stoppable_redis.resume()
    await cache.flush()
    found = await cache.get_many([key, f"{key}2"])
    assert [entry.value for entry in found] == [b"second", b"other"]


async def test_an_error_of_the_program_is_logged_and_the_next_store_is_written(
    redis_cache, key, caplog, monkeypatch
):
    async def fault(*_):
        raise LookupError

    with monkeypatch.context() as patch:
        patch.setattr(write_behind, "send", fault)
        redis_cache.store_soon([(key, b"first")], ttl_s=60)
        await redis_cache.flush()
    assert "writing stores behind failed: LookupError" in caplog.text
    assert shed(redis_cache) == 1
    redis_cache.store_soon([(key, b"second")], ttl_s=60)
    await redis_cache.flush()
    assert (await redis_cache.get(key)).value == b"second"
