"""A cluster away and back; what it does when it is there is in the contract."""

from __future__ import annotations

import pytest

from cache import CacheUnavailable


async def test_a_cluster_that_was_killed_is_found_again_when_it_is_back(
    redis_cluster, cluster_cache, key, eventually_async
):
    await cluster_cache.put(key, b"value", ttl_s=60)
    redis_cluster.kill()
    try:
        for _ in range(3):
            with pytest.raises(CacheUnavailable):
                await cluster_cache.get(key)
        assert cluster_cache.state == "degraded"
    finally:
        redis_cluster.start()

    async def is_back():
        # Before it has made sure of its slots a cluster answers pings and nothing else.
        try:
            return await cluster_cache.ping() and await cluster_cache.get(key)
        except CacheUnavailable:
            return None

    assert (await eventually_async(is_back)).value == b"value"
    assert cluster_cache.state == "ok"


async def test_a_cluster_that_is_not_there_at_start_is_an_outage(open_cache, free_port, key):
    cache = open_cache(f"redis://127.0.0.1:{free_port()}", cluster=True)
    with pytest.raises(CacheUnavailable):
        await cache.get(key)
    assert await cache.ping() is False


async def test_a_server_without_cluster_mode_is_an_outage_that_says_so(
    redis_server, open_cache, key
):
    cache = open_cache(redis_server.url, cluster=True)
    with pytest.raises(CacheUnavailable, match="Cluster mode is not enabled"):
        await cache.get(key)
