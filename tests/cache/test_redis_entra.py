"""Signing in to Redis with tokens that expire while connections stay open."""

from __future__ import annotations

import asyncio
import time

import pytest

from cache import CacheUnavailable
from cache.entra import Tokens
from tests.cache.expiring_users import ExpiringUsers
from tests.identity_endpoint import IdentityEndpoint

#: Seconds: tokens end at whole seconds, so they live up to one more.
LIFE_S = 2.0


@pytest.fixture
def users(redis_server):
    with ExpiringUsers([redis_server.port]) as users:
        yield users


@pytest.fixture
def endpoint(users, monkeypatch):
    with IdentityEndpoint(life_s=LIFE_S, on_given=users.admit) as endpoint:
        endpoint.be_found(monkeypatch)
        yield endpoint


@pytest.fixture
def entra_cache(redis_server, endpoint, open_cache):
    return open_cache(redis_server.url, auth="entra")


async def test_the_cache_answers_over_the_same_connections_while_tokens_come_and_go(
    entra_cache, endpoint, users, key, eventually_async
):
    async def several_at_once():
        await asyncio.gather(*(entra_cache.put(key, b"value", ttl_s=60) for _ in range(4)))
        assert (await entra_cache.get(key)).value == b"value"

    await several_at_once()
    connections = users.connections()

    async def two_have_ended():
        await several_at_once()
        return users.ended >= 2

    await eventually_async(two_have_ended, 20)
    assert len(connections) > 1
    assert users.connections() == connections
    # Those that ended, the one in use, and the one that may be coming.
    assert endpoint.asked <= users.ended + 2


@pytest.mark.long
@pytest.mark.asyncio(loop_factories=["asyncio"])
async def test_an_identity_that_is_away_is_an_outage_once_the_token_ends_and_says_so(
    entra_cache, endpoint, key, eventually_async
):
    await entra_cache.put(key, b"value", ttl_s=60)
    endpoint.is_well = False
    why = []

    async def is_told():
        try:
            await entra_cache.get(key)
        except CacheUnavailable as error:
            assert time.time() >= endpoint.given[0].ends_at
            why.append(str(error))
        return "no token for Redis" in "".join(why)

    await eventually_async(is_told)
    # Before the end and after it; Azure's library remembers a refusal for seconds.
    assert endpoint.asked > 1
    assert entra_cache.state == "degraded"
    endpoint.is_well = True
    await eventually_async(entra_cache.ping, 20)
    assert (await entra_cache.get(key)).value == b"value"


async def test_a_first_use_by_many_at_once_asks_for_one_token(entra_cache, endpoint, key):
    await asyncio.gather(*(entra_cache.get(f"{key}{number}") for number in range(50)))
    await asyncio.gather(*(entra_cache.add(key, b"", ttl_s=60) for _ in range(16)))
    assert endpoint.asked == 1


async def test_an_identity_that_hangs_blocks_neither_the_event_loop_nor_a_caller(
    redis_server, endpoint, open_cache, key, eventually_async
):
    cache = open_cache(redis_server.url, auth="entra", timeout_ms=50)
    endpoint.may_answer.clear()
    with pytest.raises(CacheUnavailable, match="within 50 ms"):
        await cache.get(key)
    endpoint.may_answer.set()
    await eventually_async(cache.ping)


async def test_a_cancelled_caller_does_not_stop_a_request_for_a_token(endpoint, eventually_async):
    endpoint.may_answer.clear()
    tokens = Tokens()
    leaves, stays = (asyncio.create_task(tokens.get_valid()) for _ in range(2))
    await eventually_async(lambda: endpoint.asked)
    leaves.cancel()
    endpoint.may_answer.set()
    assert (await stays).value == endpoint.given[0].value
    assert leaves.cancelled()
    await tokens.close()


async def test_a_cache_that_is_closed_while_it_signs_in_says_so(
    entra_cache, endpoint, key, eventually_async
):
    endpoint.may_answer.clear()
    waiting = asyncio.create_task(entra_cache.get(key))
    await eventually_async(lambda: endpoint.asked)
    await entra_cache.close()
    with pytest.raises(CacheUnavailable, match="closed before it answered"):
        await waiting
    endpoint.may_answer.set()


@pytest.mark.long
@pytest.mark.asyncio(loop_factories=["asyncio"])
async def test_keys_of_all_nodes_are_looked_up_while_tokens_come_and_go(
    redis_cluster, open_cache, key, monkeypatch, eventually_async
):
    ports = [node.port for node in redis_cluster.nodes]
    items = [(f"{key}{number}", b"%d" % number) for number in range(100)]
    with (
        ExpiringUsers(ports) as users,
        IdentityEndpoint(life_s=LIFE_S, on_given=users.admit) as endpoint,
    ):
        endpoint.be_found(monkeypatch)
        cache = open_cache(redis_cluster.url, cluster=True, auth="entra")
        cache.store_soon(items, ttl_s=60)
        await cache.flush()
        connections = users.connections()

        async def two_have_ended():
            found = await cache.get_many([name for name, _ in items])
            assert [entry and entry.value for entry in found] == [value for _, value in items]
            return users.ended >= 2

        await eventually_async(two_have_ended, 20)
        assert len({node for node, _ in connections}) == 3
        # But for the one that asked which nodes there are, and was not used again.
        assert len(connections - users.connections()) <= 1
        await cache.close()
