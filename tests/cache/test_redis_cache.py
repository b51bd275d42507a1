"""The cache in Redis, beyond the contract: its values, and values of other programs."""

from __future__ import annotations

import asyncio

import pytest
from redis.asyncio import Redis

from cache import CacheSettings, CacheUnavailable
from cache.breaker import FAILURES
from cache.entry import Entry, pack
from cache.redis_cache import RedisCache
from cache.redis_client import MAX_CONNECTIONS

WHOLE = pack(b"whole", now_s=0, ttl_s=60, fixed=False)


@pytest.fixture
async def client(redis_server):
    async with Redis.from_url(redis_server.url) as client:
        yield client


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"{}",
        b"\x80\x04\x95N.",
        WHOLE[:-1],
        WHOLE + b"more",
        b"\xff" * 40,
    ],
    ids=["empty", "json", "pickle", "cut short", "too long", "noise"],
)
async def test_garbage_under_a_key_is_a_miss(redis_cache, client, key, garbage):
    await client.set(key, garbage)
    assert await redis_cache.get(key) is None
    assert redis_cache.state == "ok"


async def test_another_type_under_a_key_is_a_miss_and_a_put_replaces_it(redis_cache, client, key):
    await client.rpush(key, "one", "two")
    assert await redis_cache.get(key) is None
    assert redis_cache.state == "ok"
    await redis_cache.put(key, b"value", ttl_s=60)
    assert (await redis_cache.get(key)).value == b"value"


async def test_age_and_time_left_count_from_the_storing_worker(redis_server, open_cache, key):
    now = 1_800_000_000.0
    writer = open_cache(redis_server.url, clock=lambda: now)
    reader = open_cache(redis_server.url, clock=lambda: now + 90)
    await writer.add(key, b"value", ttl_s=100)
    assert await reader.get(key) == Entry(b"value", age_s=90, ttl_left_s=10)


async def test_lifetimes_of_stores_vary_by_a_tenth(redis_cache, client, key):
    names = [f"{key}{number}" for number in range(50)]
    for name in names:
        redis_cache.store_soon([(name, b"value")], ttl_s=1000)
    await redis_cache.flush()
    lifetimes = {await client.pttl(name) for name in names}
    # What passes between put and pttl shortens it; a minute would be a fault.
    assert min(lifetimes) > 840_000
    assert max(lifetimes) <= 1_100_000
    assert len(lifetimes) > 25


@pytest.mark.parametrize("store", ["add", "put"])
async def test_a_value_lives_as_long_as_its_caller_says(redis_cache, client, key, store):
    for number in range(20):
        await getattr(redis_cache, store)(f"{key}{number}", b"value", ttl_s=1000)
        assert 940_000 < await client.pttl(f"{key}{number}") <= 1_000_000


async def test_everything_stored_expires(redis_cache, client, key):
    await redis_cache.put(f"{key}put", b"value", ttl_s=0.4)
    await redis_cache.add(f"{key}add", b"value", ttl_s=0.4)
    assert await client.pttl(f"{key}put") != -1
    assert await client.pttl(f"{key}add") != -1


async def test_connections_are_bounded_and_closed(
    redis_server, open_cache, client, key, eventually_async
):
    before = (await client.info("clients"))["connected_clients"]
    cache = open_cache(redis_server.url)
    await asyncio.gather(*(cache.get(key) for _ in range(200)))
    during = (await client.info("clients"))["connected_clients"]
    assert before < during <= before + MAX_CONNECTIONS
    await cache.close()

    async def all_closed():
        return (await client.info("clients"))["connected_clients"] == before

    await eventually_async(all_closed)


async def test_a_server_that_refuses_to_store_is_an_outage_for_put_and_a_get_still_answers(
    redis_cache, client, key
):
    await redis_cache.put(key, b"value", ttl_s=60)
    await client.config_set("maxmemory", 1)
    try:
        with pytest.raises(CacheUnavailable, match="maxmemory"):
            await redis_cache.put(key, b"other", ttl_s=60)
        assert (await redis_cache.get(key)).value == b"value"
    finally:
        await client.config_set("maxmemory", 0)


async def test_a_wrong_password_is_an_outage_and_is_not_shown(
    redis_server, open_cache, key, caplog
):
    cache = open_cache(redis_server.url.replace("redis://", "redis://nobody:not-the-password@"))
    for _ in range(FAILURES):
        with pytest.raises(CacheUnavailable) as caught:
            await cache.get(key)
        assert "not-the-password" not in str(caught.value)
    assert cache.state == "degraded"
    assert "invalid username-password pair" in caplog.text
    assert "not-the-password" not in repr(cache) + caplog.text


async def test_a_server_that_is_not_redis_is_an_outage(free_port, open_cache, key):
    async def answer(reader, writer):
        await reader.readline()
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    port = free_port()
    async with await asyncio.start_server(answer, "127.0.0.1", port):
        cache = open_cache(f"redis://127.0.0.1:{port}")
        with pytest.raises(CacheUnavailable):
            await cache.get(key)
        await cache.close()


async def test_a_programming_error_is_not_taken_for_an_outage(redis_cache, key):
    with pytest.raises(TypeError):
        await redis_cache.put(key, "text", ttl_s=60)
    assert redis_cache.state == "ok"


def test_each_event_loop_gets_a_client_of_its_own(redis_server, key):
    cache = RedisCache(CacheSettings(redis_url=redis_server.url, timeout_ms=10_000))

    async def put_and_get(value):
        await cache.put(key, value, ttl_s=60)
        entry = await cache.get(key)
        await cache.close()
        return entry

    for value in (b"first", b"second"):
        assert asyncio.run(put_and_get(value)).value == value


def test_a_loop_that_ended_without_closing_does_not_affect_the_next(redis_server, key):
    cache = RedisCache(CacheSettings(redis_url=redis_server.url, timeout_ms=10_000))

    async def put_and_leave():
        await cache.put(key, b"value", ttl_s=60)
        # The connection's own end only: the cache still believes in this loop.
        await cache._session.executor._client.aclose()

    async def get():
        entry = await cache.get(key)
        await cache.close()
        return entry

    asyncio.run(put_and_leave())
    assert asyncio.run(get()).value == b"value"
