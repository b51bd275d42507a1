"""A Redis that refuses writes: logged once, still read, and its recovery is noticed."""

from __future__ import annotations

import asyncio
import logging
from contextlib import contextmanager

import pytest
from redis import Redis
from redis.exceptions import OutOfMemoryError, ReadOnlyError, ResponseError

from cache import CacheUnavailable, degradation, write_behind, write_health
from cache.breaker import FAILURES
from cache.near_cache import NearCache
from cache.tiered_cache import TieredCache
from cache.write_health import DOUBT_S, WriteHealth
from local.emulators.ports import HOST
from local.emulators.redis_server import RedisServer
from tests.clock import Clock
from tests.servers import ServerProcess
from tests.waiting import eventually

WRITES = {
    "put": lambda cache, key: cache.put(key, b"other", ttl_s=60),
    "add": lambda cache, key: cache.add(f"{key}added", b"other", ttl_s=60),
    "lease": lambda cache, key: cache.lease(f"{key}leased", ttl_s=60),
}


@contextmanager
def full(client):
    client.config_set("maxmemory", 1)
    try:
        yield
    finally:
        client.config_set("maxmemory", 0)


@contextmanager
def replica(client):
    # A replica of a primary that does not exist still serves its data.
    client.replicaof(HOST, 1)
    try:
        yield
    finally:
        client.replicaof("NO", "ONE")


@contextmanager
def read_only_user(client):
    client.execute_command("ACL SETUSER default -@write")
    try:
        yield
    finally:
        client.execute_command("ACL SETUSER default +@all")


@contextmanager
def not_saving(client, data):
    """It has to save, and a folder has the name of its file."""

    def saved():
        told = client.info("persistence")
        if not told["rdb_bgsave_in_progress"]:
            client.bgsave()
        return told["rdb_last_bgsave_status"]

    client.config_set("save", "3600 1")
    (data / "dump.rdb").mkdir()
    try:
        eventually(lambda: saved() == "err")
        yield
    finally:
        (data / "dump.rdb").rmdir()
        eventually(lambda: saved() == "ok")
        client.config_set("save", "")
        eventually(lambda: not client.info("persistence")["rdb_bgsave_in_progress"])
        (data / "dump.rdb").unlink()


@contextmanager
def no_replicas(client):
    client.config_set("min-replicas-to-write", 1)
    try:
        yield
    finally:
        client.config_set("min-replicas-to-write", 0)


KINDS = {
    "full": full,
    "read_only": replica,
    "no_permission": read_only_user,
    "no_replicas": no_replicas,
}


@pytest.fixture
def client(redis_server):
    with Redis.from_url(redis_server.url) as client:
        yield client


@pytest.fixture(params=KINDS)
def refusing(request, client):
    """`with refusing():` the server reads and does not write; its name is the reason."""

    def begin():
        return KINDS[request.param](client)

    begin.reason = request.param
    return begin


async def store(cache, key):
    cache.store_soon([(key, b"value")], ttl_s=60)
    await cache.flush()


async def test_a_replacement_says_why_it_was_refused(redis_cache, key, refusing):
    await redis_cache.put(key, b"old", ttl_s=60)
    with refusing():
        with pytest.raises(CacheUnavailable, match="refused a write: it"):
            await redis_cache.replace(key, b"old", b"new", ttl_s=60)
        assert (await redis_cache.get(key)).value == b"old"
    assert await redis_cache.replace(key, b"old", b"new", ttl_s=60) is True
    assert (await redis_cache.get(key)).value == b"new"


@pytest.mark.parametrize("write", WRITES)
async def test_reads_go_on_and_a_write_says_why_it_was_refused(redis_cache, key, refusing, write):
    await store(redis_cache, key)
    with refusing():
        for _ in range(2 * FAILURES):
            with pytest.raises(CacheUnavailable, match="refused a write: it"):
                await WRITES[write](redis_cache, key)
            assert (await redis_cache.get(key)).value == b"value"
            assert (redis_cache.state, redis_cache.degradation.code) == (
                "degraded",
                refusing.reason,
            )


async def test_a_health_check_notices_refusals_and_recovery(redis_cache, key, refusing):
    assert await redis_cache.ping() is True
    with refusing():
        assert await redis_cache.ping() is True
        assert (redis_cache.state, redis_cache.degradation.code) == ("degraded", refusing.reason)
    assert await redis_cache.ping() is True
    assert (redis_cache.state, redis_cache.degradation) == ("ok", None)


async def test_writes_notice_recovery_without_a_health_check(
    redis_cache, key, refusing, eventually_async
):
    with refusing():
        await store(redis_cache, key)
        assert redis_cache.degradation.code == refusing.reason

    async def last_call_succeeded():
        await store(redis_cache, key)
        return redis_cache.degradation is None

    await eventually_async(last_call_succeeded)
    assert (await redis_cache.get(key)).value == b"value"


async def test_each_change_is_one_line_in_the_log_however_much_is_refused(
    redis_cache, key, refusing, caplog
):
    caplog.set_level(logging.INFO, "cache")
    with refusing():
        for _ in range(20):
            await store(redis_cache, key)
            await redis_cache.ping()
            with pytest.raises(CacheUnavailable):
                await redis_cache.put(key, b"value", ttl_s=60)
    for _ in range(3):
        await redis_cache.ping()
    assert [(each.name, each.levelname) for each in caplog.records] == [
        ("cache.write_health", "WARNING"),
        ("cache.write_health", "INFO"),
    ]
    assert "answers and refuses writes: it" in caplog.records[0].message
    assert caplog.records[1].message.endswith("accepts writes again")


async def test_after_refused_stores_few_are_sent_until_one_is_accepted(
    redis_cache, client, key, monkeypatch
):
    monkeypatch.setattr(write_behind, "REST_S", 1e9)
    with full(client):
        await store(redis_cache, key)
        sent = redis_cache.counts()["round_trips"]
        for _ in range(100):
            await store(redis_cache, key)
    assert redis_cache.counts()["round_trips"] == sent
    assert redis_cache.counts()["stores_shed"] == 101


async def test_a_server_that_could_not_save_says_so(redis_server, client, redis_cache, key):
    data = redis_server.server.data
    with not_saving(client, data):
        with pytest.raises(CacheUnavailable, match="it cannot save and refuses writes"):
            await redis_cache.put(key, b"value", ttl_s=60)
        assert await redis_cache.get(key) is None
        assert redis_cache.degradation.code == "not_saving"
    assert await redis_cache.ping() is True
    assert redis_cache.degradation is None


async def test_a_refused_release_of_a_lease_is_not_an_outage(redis_cache, client, key):
    assert await redis_cache.lease(key, ttl_s=60) is True
    with replica(client):
        for _ in range(FAILURES):
            await redis_cache.release(key)
        assert await redis_cache.get(key) is None
    assert redis_cache.state == "ok"


async def test_a_tiered_cache_answers_on_and_shows_the_degradation(redis_cache, client, key):
    cache = TieredCache(NearCache(), redis_cache)
    with full(client):
        await store(cache, key)
        assert cache.peek(key).value == b"value"
        assert (cache.degradation.code, cache.state) == ("full", "degraded")


async def test_a_node_of_a_cluster_that_is_full_does_not_stop_stores_on_the_others(
    cluster_cache, redis_cluster, key
):
    names = [f"{key}{number}" for number in range(60)]
    redis_cluster.ask(0, "CONFIG SET maxmemory 1")
    try:
        for _ in range(2):
            cluster_cache.store_soon([(name, b"value") for name in names], ttl_s=60)
            await cluster_cache.flush()
        found = await cluster_cache.get_many(names)
        assert 10 < found.count(None) < 50
        assert cluster_cache.degradation.code == "full"
    finally:
        redis_cluster.ask(0, "CONFIG SET maxmemory 0")


async def test_a_primary_that_became_a_replica_is_left_for_the_new_primary(
    redis_server, client, open_cache, tmp_path, key, free_port
):
    """As in a failover: the old server keeps the connections that it has."""
    other = RedisServer(tmp_path / "data", free_port())
    ports = [redis_server.port]

    async def relay(reader, writer):
        far_reader, far_writer = await asyncio.open_connection(HOST, ports[-1])
        await asyncio.gather(pipe(reader, far_writer), pipe(far_reader, writer))

    async def pipe(reader, writer):
        try:
            while data := await reader.read(65536):
                writer.write(data)
        except ConnectionError:
            pass
        finally:
            writer.close()

    name = free_port()
    with ServerProcess(other, tmp_path / "log"):
        async with await asyncio.start_server(relay, HOST, name):
            cache = open_cache(f"redis://{HOST}:{name}")
            await asyncio.gather(*(cache.put(f"{key}{n}", b"value", ttl_s=60) for n in range(5)))
            ports.append(other.port)
            with replica(client):
                with pytest.raises(CacheUnavailable, match="it is a replica"):
                    await cache.put(key, b"value", ttl_s=60)
                for number in range(5):
                    await cache.put(f"{key}{number}", b"other", ttl_s=60)
            await cache.close()


FULL = OutOfMemoryError("command not allowed", status_code="OOM")


def test_it_stays_degraded_while_some_writes_are_refused(caplog):
    caplog.set_level(logging.INFO, "cache.write_health")
    clock = Clock()
    writes = WriteHealth("the server", clock=clock)
    for _ in range(10):
        writes.record_refusal(FULL)
        clock.now += DOUBT_S - 0.01
        writes.record_success()
        assert writes.degradation.code == "full"
        assert repr(writes) == "<WriteHealth the server refused, full>"
    clock.now += 0.01
    writes.record_success()
    assert writes.degradation is None
    assert repr(writes) == "<WriteHealth the server accepted>"
    assert len(caplog.records) == 2


def test_connections_to_a_replica_are_not_renewed_all_the_time():
    clock = Clock()
    writes = WriteHealth("the server", clock=clock)
    replica = ReadOnlyError("You can't write", status_code="READONLY")
    for _ in range(100):
        writes.record_refusal(FULL)
    assert writes.generation == 0
    for _ in range(100):
        writes.record_refusal(replica)
    assert writes.generation == 1
    clock.now += write_health.RENEW_S
    writes.record_refusal(replica)
    assert writes.generation == 2


def test_each_reason_is_a_line_in_the_log(caplog):
    writes = WriteHealth("the server")
    for refusal in (FULL, FULL, ResponseError("MISCONF no"), ResponseError("what is this")):
        writes.record_refusal(refusal)
    assert [each.levelname for each in caplog.records] == ["WARNING"] * 3
    assert writes.degradation == degradation.REFUSED
