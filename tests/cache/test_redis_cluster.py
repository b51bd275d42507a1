"""Outages of a cluster. The contract tests cover a cluster that answers."""

from __future__ import annotations

import asyncio

import pytest
from redis import Redis

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
    await eventually_async(redis_cluster.is_guarded)


async def test_keys_of_all_nodes_are_stored_and_looked_up_at_once(
    redis_cluster, cluster_cache, key
):
    before = held_by_node(redis_cluster)
    items = [(f"{key}{number}", b"%d" % number) for number in range(300)]
    cluster_cache.store_soon(items, ttl_s=60)
    await cluster_cache.flush()
    found = await cluster_cache.get_many([name for name, _ in items] + [f"{key}none"])
    assert [entry and entry.value for entry in found] == [value for _, value in items] + [None]
    stored = [now - then for now, then in zip(held_by_node(redis_cluster), before, strict=True)]
    assert sum(stored) >= 300
    assert len([count for count in stored if count > 50]) >= 3


def held_by_node(cluster):
    """Keys of each node; the replica holds those of its primary."""
    return [cluster.ask(node, "DBSIZE") for node in range(len(cluster.nodes))]


async def test_a_first_use_by_many_at_once_finds_every_node(cluster_cache, key):
    """redis-py sends what comes before it knows the cluster to any node."""
    await asyncio.gather(
        *(cluster_cache.put(f"{key}{number}", b"value", ttl_s=60) for number in range(100))
    )
    assert cluster_cache.state == "ok"


async def test_a_lost_node_is_replaced_by_its_replica(
    redis_cluster, cluster_cache, key, eventually_async
):
    items = [(f"{key}{number}", b"%d" % number) for number in range(100)]
    cluster_cache.store_soon(items, ttl_s=600)
    await cluster_cache.flush()
    standing_by, lost = (
        next(
            node for node in (2, 3) if f"role:{role}" in redis_cluster.ask(node, "INFO replication")
        )
        for role in ("slave", "master")
    )
    await eventually_async(lambda: len({held_by_node(redis_cluster)[node] for node in (2, 3)}) == 1)
    redis_cluster.nodes[lost].kill()
    try:
        with pytest.raises(CacheUnavailable):
            await cluster_cache.get_many([name for name, _ in items])
        redis_cluster.ask(standing_by, "CLUSTER FAILOVER TAKEOVER")

        async def all_are_found():
            try:
                return all(await cluster_cache.get_many([name for name, _ in items]))
            except CacheUnavailable:
                return False

        await eventually_async(all_are_found)
    finally:
        redis_cluster.nodes[lost].start()
        await eventually_async(redis_cluster.is_guarded)


async def test_connections_that_were_closed_while_idle_are_replaced(
    redis_cluster, cluster_cache, key, eventually_async
):
    """Azure closes them after ten minutes; redis-py learns it by sending."""
    items = [(f"{key}{number}", b"%d" % number) for number in range(100)]
    cluster_cache.store_soon(items, ttl_s=60)
    await cluster_cache.flush()
    for node in range(len(redis_cluster.nodes)):
        redis_cluster.ask(node, "CLIENT KILL TYPE normal")
    nodes = cluster_cache._session.executor._client.get_nodes()
    idle = [connection for node in nodes for connection in node._connections]
    await eventually_async(lambda: all(connection._reader.at_eof() for connection in idle))
    assert len(idle) >= 3
    assert all(await cluster_cache.get_many([name for name, _ in items]))


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


async def test_a_closed_cache_leaves_no_connection_to_a_server_without_cluster_mode(
    redis_server, open_cache, key, eventually_async
):
    with Redis.from_url(redis_server.url, decode_responses=True) as client:
        before = {one["id"] for one in client.client_list()}
        cache = open_cache(redis_server.url, cluster=True)
        with pytest.raises(CacheUnavailable):
            await cache.get(key)
        # It looks for the cluster once more, behind the caller's back.
        await eventually_async(lambda: not cache._session.executor.running)
        await cache.close()
        await eventually_async(lambda: {one["id"] for one in client.client_list()} == before)
