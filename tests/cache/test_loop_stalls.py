"""A blocked event loop is not a failure of Redis, and does not count for the breaker."""

from __future__ import annotations

import asyncio
import time

import pytest

from cache import CacheUnavailable
from cache.breaker import FAILURES, CircuitBreaker
from cache.redis_executor import RedisCounts, RedisExecutor

#: Seconds; several deadlines.
STALL_S = 0.25
DEADLINE_MS = 100


def stall():
    time.sleep(STALL_S)  # the fault that is tried: a callback that blocks


@pytest.fixture
def breaker():
    return CircuitBreaker("redis")


def quiet(breaker):
    return repr(breaker) == "<CircuitBreaker redis closed, 0 failures in a row>"


async def test_lookups_are_answered_after_the_loop_was_blocked(
    redis_server, open_cache, key, breaker
):
    cache = open_cache(redis_server.url, timeout_ms=DEADLINE_MS, breaker=breaker)
    await cache.put(key, b"value", ttl_s=60)
    loop = asyncio.get_running_loop()
    for _ in range(2 * FAILURES):
        # Sent in this turn or the next, and then the loop stands still.
        asked = [asyncio.create_task(cache.get(key)) for _ in range(3)]
        await asyncio.sleep(0)
        loop.call_soon(stall)
        assert [(await each).value for each in asked] == [b"value"] * 3
        assert quiet(breaker)


async def test_a_blocked_loop_before_a_lookup_is_sent_does_not_shorten_its_deadline(
    redis_server, open_cache, key, breaker
):
    cache = open_cache(redis_server.url, timeout_ms=DEADLINE_MS, breaker=breaker)
    await cache.ping()
    asked = asyncio.create_task(cache.get(key))
    asyncio.get_running_loop().call_soon(stall)
    assert await asked is None
    assert quiet(breaker)


async def test_stores_are_written_after_the_loop_was_blocked(
    redis_server, open_cache, key, breaker
):
    cache = open_cache(redis_server.url, timeout_ms=DEADLINE_MS, breaker=breaker)
    await cache.ping()
    for number in range(FAILURES):
        cache.store_soon([(f"{key}{number}", b"value")], ttl_s=60)
        flushed = asyncio.create_task(cache.flush())
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_soon(stall)
        await flushed
        await cache.put(key, b"value", ttl_s=60)
    assert cache.counts()["stores_shed"] == 0
    assert quiet(breaker)


async def test_a_loop_that_is_blocked_again_and_again_does_not_open_the_breaker(
    redis_server, open_cache, key, breaker
):
    """Connecting, too, takes many turns, and each turn longer than the deadline."""
    cache = open_cache(redis_server.url, timeout_ms=DEADLINE_MS, breaker=breaker)
    loop, ends = asyncio.get_running_loop(), False

    def again():
        stall()
        if not ends:
            loop.call_soon(again)

    loop.call_soon(again)
    outcomes = await asyncio.gather(
        *(cache.get(f"{key}{n}") for n in range(3)),
        *(cache.add(f"{key}{n}", b"", ttl_s=60) for n in range(2 * FAILURES)),
        return_exceptions=True,
    )
    assert {type(outcome) for outcome in outcomes} <= {CacheUnavailable, type(None), bool}
    assert quiet(breaker)
    ends = True
    assert await cache.ping() is True


async def test_a_server_that_hangs_counts_even_if_the_loop_is_blocked(
    stoppable_redis, open_cache, key, breaker
):
    cache = open_cache(stoppable_redis.url, timeout_ms=DEADLINE_MS, breaker=breaker)
    await cache.ping()
    stoppable_redis.pause()
    for _ in range(FAILURES):
        asked = asyncio.create_task(cache.get(key))
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_soon(stall)
        with pytest.raises(CacheUnavailable, match="within 100 ms"):
            await asked
    assert breaker.is_open


class Answers:
    """A client that answers at once."""

    async def ping(self):
        return True

    async def aclose(self):
        pass


@pytest.mark.parametrize("left_s", [-1.0, 0.0, 0.0003, 0.0005])
async def test_an_operation_with_hardly_any_time_left_fails_at_once(breaker, left_s):
    """uvloop makes no timer of less than half a millisecond."""
    counts = RedisCounts()
    executor = RedisExecutor(Answers(), place="x", breaker=breaker, counts=counts, deadline_s=0.05)
    outcome = asyncio.get_running_loop().create_future()
    executor.start(lambda client: client.ping(), outcome, left_s)
    assert isinstance(outcome.exception(), CacheUnavailable)
    assert (counts.round_trips, executor.running) == (0, 0)
    assert quiet(breaker)


async def test_a_deadline_below_uvloops_timer_resolution_is_kept(breaker):
    executor = RedisExecutor(
        Answers(), place="x", breaker=breaker, counts=RedisCounts(), deadline_s=0.0003
    )
    assert await executor.run(lambda client: client.ping()) is True
    with pytest.raises(CacheUnavailable, match="did not answer within"):
        await executor.run(lambda _: asyncio.Event().wait())
    await executor.close()
