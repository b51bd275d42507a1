"""Outages of Redis: no call hangs, and the cache recovers by itself."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager

import pytest
from redis import Redis

from cache import CacheUnavailable
from cache.breaker import FAILURES, CircuitBreaker
from cache.redis_executor import ABANDON_S
from tests.clock import Clock

#: Milliseconds; far below ABANDON_S, far above what a healthy server takes.
DEADLINE_MS = 100

CALLS = {
    "get": lambda cache, key: cache.get(key),
    "replace": lambda cache, key: cache.replace(key, b"old", b"new", ttl_s=60),
    "put": lambda cache, key: cache.put(key, b"value", ttl_s=60),
    "add": lambda cache, key: cache.add(key, b"value", ttl_s=60),
    "get_many": lambda cache, key: cache.get_many([key, f"{key}2"]),
    "lease": lambda cache, key: cache.lease(key, ttl_s=60),
}


@pytest.fixture(params=CALLS)
def call(request):
    return CALLS[request.param]


async def is_answered(cache):
    """For `eventually_async`: a health check asks until the answer is yes."""
    return await cache.ping()


async def test_a_server_that_is_not_there_at_start_is_an_outage_at_every_call(
    open_cache, free_port, key, call
):
    cache = open_cache(f"redis://127.0.0.1:{free_port()}/0")
    assert cache.state == "ok"
    with pytest.raises(CacheUnavailable):
        await call(cache, key)
    assert cache.state == "degraded"
    assert await cache.ping() is False


async def test_a_server_that_comes_later_is_found(
    stoppable_redis, open_cache, key, eventually_async
):
    stoppable_redis.kill()
    cache = open_cache(stoppable_redis.url)
    with pytest.raises(CacheUnavailable):
        await cache.get(key)
    stoppable_redis.start()
    await eventually_async(lambda: is_answered(cache))
    await cache.put(key, b"value", ttl_s=60)
    assert (await cache.get(key)).value == b"value"
    assert cache.state == "ok"


async def test_a_server_that_is_killed_is_an_outage_at_every_call(
    stoppable_redis, open_cache, key, call
):
    cache = open_cache(stoppable_redis.url)
    await asyncio.gather(*(cache.get(key) for _ in range(10)))
    stoppable_redis.kill()
    for _ in range(3):
        with pytest.raises(CacheUnavailable):
            await call(cache, key)
    assert cache.state == "degraded"


async def test_a_server_that_is_restarted_answers_over_new_connections(
    stoppable_redis, open_cache, key
):
    cache = open_cache(stoppable_redis.url)
    with Redis.from_url(stoppable_redis.url) as client:  # else a busy disk may lose the last ones
        client.config_set("appendfsync", "always")
    await asyncio.gather(*(cache.put(f"{key}{n}", b"%d" % n, ttl_s=60) for n in range(10)))
    stoppable_redis.kill()
    stoppable_redis.start()
    entries = await asyncio.gather(*(cache.get(f"{key}{n}") for n in range(10)))
    assert [entry.value for entry in entries] == [b"%d" % n for n in range(10)]
    assert cache.state == "ok"


async def test_a_server_that_hangs_costs_one_deadline(stoppable_redis, open_cache, key, call):
    cache = open_cache(stoppable_redis.url, timeout_ms=DEADLINE_MS)
    await cache.ping()
    stoppable_redis.pause()
    began = time.monotonic()
    with pytest.raises(CacheUnavailable, match="within 100 ms"):
        await call(cache, key)
    # uvloop counts in whole milliseconds.
    assert DEADLINE_MS - 1 <= (time.monotonic() - began) * 1000 < ABANDON_S * 500
    assert cache.state == "degraded"


async def test_a_hundred_calls_to_a_server_that_hangs_wait_side_by_side(
    stoppable_redis, open_cache, key
):
    cache = open_cache(stoppable_redis.url, timeout_ms=DEADLINE_MS)
    await cache.ping()
    stoppable_redis.pause()
    began = time.monotonic()
    outcomes = await asyncio.gather(*(cache.get(key) for _ in range(100)), return_exceptions=True)
    assert time.monotonic() - began < ABANDON_S / 2
    assert [type(outcome) for outcome in outcomes] == [CacheUnavailable] * 100


async def test_no_call_gets_the_late_answer_of_another(
    stoppable_redis, open_cache, key, eventually_async
):
    cache = open_cache(stoppable_redis.url, timeout_ms=DEADLINE_MS)
    await cache.put(f"{key}1", b"one", ttl_s=60)
    await cache.put(f"{key}2", b"two", ttl_s=60)
    stoppable_redis.pause()
    with pytest.raises(CacheUnavailable):
        await cache.get(f"{key}1")
    stoppable_redis.resume()
    await eventually_async(lambda: is_answered(cache))
    assert (await cache.get(f"{key}2")).value == b"two"
    assert (await cache.get(f"{key}1")).value == b"one"


async def test_an_operation_past_its_deadline_is_cleaned_up(
    stoppable_redis, open_cache, key, eventually_async
):
    cache = open_cache(stoppable_redis.url, timeout_ms=DEADLINE_MS)
    await cache.ping()
    stoppable_redis.pause()
    await asyncio.gather(*(cache.get(key) for _ in range(20)), return_exceptions=True)
    stoppable_redis.resume()
    await eventually_async(lambda: asyncio.all_tasks() == {asyncio.current_task()})


async def test_closing_does_not_wait_for_a_server_that_hangs(stoppable_redis, open_cache, key):
    cache = open_cache(stoppable_redis.url)
    await cache.ping()
    stoppable_redis.pause()
    calls = [asyncio.create_task(cache.get(key)) for _ in range(20)]
    await asyncio.wait(calls, timeout=0.05)
    began = time.monotonic()
    await cache.close()
    assert time.monotonic() - began < ABANDON_S / 2
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [CacheUnavailable] * 20
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_an_open_breaker_keeps_calls_from_the_server(open_cache, free_port, key, call):
    clock, connections, port = Clock(), [], free_port()

    async def hang(reader, writer):
        connections.append(writer)

    async with await asyncio.start_server(hang, "127.0.0.1", port):
        url = f"redis://127.0.0.1:{port}/0"
        breaker = CircuitBreaker(url, pause_s=60, clock=clock)
        cache = open_cache(url, timeout_ms=DEADLINE_MS, breaker=breaker)
        for _ in range(FAILURES):
            with pytest.raises(CacheUnavailable, match="within 100 ms"):
                await call(cache, key)
        reached = len(connections)
        for _ in range(20):
            with pytest.raises(CacheUnavailable, match="not asked for now"):
                await call(cache, key)
        assert len(connections) == reached

        clock.now += 60
        with pytest.raises(CacheUnavailable, match="within 100 ms"):
            await call(cache, key)
        with pytest.raises(CacheUnavailable, match="not asked for now"):
            await call(cache, key)
        assert len(connections) == reached + 1
        await cache.close()
        for writer in connections:
            writer.close()


async def test_a_health_check_asks_through_an_open_breaker_and_closes_it(
    stoppable_redis, open_cache, key, eventually_async
):
    stoppable_redis.kill()
    breaker = CircuitBreaker("redis", pause_s=1e9)
    cache = open_cache(stoppable_redis.url, breaker=breaker)
    for _ in range(FAILURES):
        assert await cache.ping() is False
    with pytest.raises(CacheUnavailable, match="not asked for now"):
        await cache.get(key)
    stoppable_redis.start()
    await eventually_async(lambda: is_answered(cache))
    assert await cache.get(key) is None
    assert cache.state == "ok"


@asynccontextmanager
async def slow_network(near_port, far_port, *, connect_s=0.0, answer_s=0.0):
    """A way to the server on which connecting, or every answer, takes its time."""

    async def pipe(reader, writer, delay_s):
        try:
            while data := await reader.read(65536):
                await asyncio.sleep(delay_s)
                writer.write(data)
        finally:
            writer.close()

    async def relay(reader, writer):
        await asyncio.sleep(connect_s)
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", far_port)
        await asyncio.gather(pipe(reader, far_writer, 0), pipe(far_reader, writer, answer_s))

    async with await asyncio.start_server(relay, "127.0.0.1", near_port):
        yield f"redis://127.0.0.1:{near_port}/0"


async def test_connecting_goes_on_after_the_deadline(
    redis_server, open_cache, free_port, key, eventually_async
):
    """A TLS handshake across regions, say: cut off at every deadline it would never end."""
    slow = 3 * DEADLINE_MS / 1000
    async with slow_network(free_port(), redis_server.port, connect_s=slow) as url:
        cache = open_cache(url, timeout_ms=DEADLINE_MS)
        with pytest.raises(CacheUnavailable, match="within 100 ms"):
            await cache.get(key)
        await eventually_async(lambda: is_answered(cache))
        await cache.close()


async def test_answers_that_always_come_too_late_open_the_breaker(
    redis_server, open_cache, free_port, key
):
    slow = 5 * DEADLINE_MS / 1000
    async with slow_network(free_port(), redis_server.port, answer_s=slow) as url:
        cache = open_cache(url, timeout_ms=DEADLINE_MS)
        for _ in range(FAILURES):
            with pytest.raises(CacheUnavailable, match="within 100 ms"):
                await cache.get(key)
        with pytest.raises(CacheUnavailable, match="not asked for now"):
            await cache.get(key)
        await cache.close()


async def test_a_call_that_is_late_and_then_fails_counts_once(
    stoppable_redis, open_cache, key, eventually_async
):
    breaker = CircuitBreaker("redis")
    cache = open_cache(stoppable_redis.url, timeout_ms=DEADLINE_MS, breaker=breaker)
    await cache.ping()
    stoppable_redis.pause()
    with pytest.raises(CacheUnavailable, match="within 100 ms"):
        await cache.get(key)
    stoppable_redis.kill()
    await eventually_async(lambda: not cache._session.executor.running)
    assert repr(breaker) == "<CircuitBreaker redis closed, 1 failures in a row>"


async def test_an_outage_is_logged_once(stoppable_redis, open_cache, key, caplog):
    stoppable_redis.kill()
    cache = open_cache(stoppable_redis.url)
    for _ in range(50):
        with pytest.raises(CacheUnavailable):
            await cache.get(key)
    assert [record.name for record in caplog.records] == ["cache.breaker"]
