"""Leases between processes: the holder computes, and only the holder releases the lease."""

from __future__ import annotations

import pytest
from redis import Redis

from cache import CacheSettings, CacheUnavailable
from cache.redis_cache import RedisCache


@pytest.fixture(params=["redis", "cluster"])
def processes(request, open_cache):
    """Three caches in the same Redis, or cluster of Redis."""
    cluster = request.param == "cluster"
    server = request.getfixturevalue("redis_cluster" if cluster else "redis_server")
    return [open_cache(server.url, cluster=cluster) for _ in range(3)]


async def test_a_lease_binds_every_process(processes, key):
    assert [await each.lease(key, ttl_s=60) for each in processes] == [True, False, False]


async def test_only_the_holder_of_a_lease_can_release_it(processes, key):
    holder, other, third = processes
    await holder.lease(key, ttl_s=60)
    await other.lease(key, ttl_s=60)
    await other.release(key)
    assert await third.lease(key, ttl_s=60) is False


async def test_a_holder_whose_lease_expired_does_not_release_the_next_ones(
    processes, key, eventually_async
):
    slow, next_one, third = processes
    await slow.lease(key, ttl_s=0.05)

    async def goes_on():
        return await next_one.lease(key, ttl_s=60)

    await eventually_async(goes_on)
    await slow.release(key)
    assert await third.lease(key, ttl_s=60) is False


async def test_leases_of_different_keys_are_independent(processes, key):
    assert [await processes[0].lease(f"{key}{number}", ttl_s=60) for number in range(9)] == [
        True
    ] * 9


async def test_a_lease_has_the_documented_key_and_always_expires(redis_server, redis_cache, key):
    await redis_cache.lease(key, ttl_s=60)
    with Redis.from_url(redis_server.url) as client:
        assert 0 < client.pttl(f"triscore:l:1:{key}") <= 60_000


async def test_a_release_during_an_outage_raises_nothing(stoppable_redis, open_cache, key):
    cache = open_cache(stoppable_redis.url)
    await cache.lease(key, ttl_s=60)
    stoppable_redis.kill()
    await cache.release(key)


async def test_a_lease_during_an_outage_raises(free_port, key):
    cache = RedisCache(CacheSettings(redis_url=f"redis://127.0.0.1:{free_port()}/0"))
    with pytest.raises(CacheUnavailable):
        await cache.lease(key, ttl_s=60)
    await cache.close()
