"""The doctor's findings on Redis, with real servers."""

from __future__ import annotations

import pytest
from redis import Redis

from cache.degradation import GRANT
from deploy.doctor import redis_server as doctor
from local.emulators.ports import HOST
from local.emulators.redis_server import RedisServer
from tests.servers import ServerProcess, free_port
from tests.waiting import eventually

PATIENT = {"CACHE_TIMEOUT_MS": "10000"}


@pytest.fixture(scope="module")
def server(redis_server):
    with Redis.from_url(redis_server.url, decode_responses=True) as client:
        yield client


@pytest.fixture
def configured(server):
    """`configured(name, value)` for one test."""
    before = server.config_get("*")
    changed = set()

    def set_it(name, value):
        changed.add(name)
        server.config_set(name, value)

    yield set_it
    for name in changed:
        server.config_set(name, before[name])


@pytest.fixture
def user(server):
    """`user(*rules)`: what a user of that name may do for one test."""
    yield lambda *rules: server.execute_command("ACL SETUSER app on >word ~triscore:*", *rules)
    server.acl_deluser("app")


def url(server, credentials=""):
    return f"redis://{credentials}{HOST}:{server.connection_pool.connection_kwargs['port']}"


async def test_a_redis_that_answers_is_in_order_and_keeps_no_probe(ask, redis_server):
    told = await ask(doctor, REDIS_URL=redis_server.url, **PATIENT)
    assert [each.partition(":")[0] for each in told] == ["ok"] * 4
    assert "answers in " in told[0]
    assert told[1].endswith(", standalone")
    assert told[3] == "ok: SET, MGET and EVAL are accepted on keys that begin with triscore:"
    with Redis.from_url(redis_server.url) as client:
        assert client.keys("triscore:doctor:*") == []


async def test_no_redis_is_in_order(ask):
    assert await ask(doctor) == ["ok: REDIS_URL is empty: each worker caches in its own memory"]


@pytest.mark.parametrize("cluster", ["false", "true"])
async def test_a_redis_that_is_away_is_to_be_started(ask, cluster):
    place = f"redis://{HOST}:{free_port()}"
    (told,) = await ask(doctor, REDIS_URL=place, REDIS_CLUSTER=cluster)
    assert told.startswith(f"fix: {place} cannot be used: start it, or correct REDIS_URL (Error")


@pytest.mark.parametrize("cluster", ["false", "true"])
async def test_a_missing_key_and_a_wrong_one_are_different_findings(
    ask, configured, server, cluster
):
    configured("requirepass", "right")
    server.auth("right")
    (told,) = await ask(doctor, REDIS_URL=url(server), REDIS_CLUSTER=cluster)
    assert "the server asks for a key (NOAUTH): write it into REDIS_URL" in told
    (told,) = await ask(doctor, REDIS_URL=url(server, ":wrong@"), REDIS_CLUSTER=cluster)
    assert "the server refuses user or key (WRONGPASS): correct them" in told
    assert "wrong@" not in told


async def test_a_single_server_is_not_a_cluster(ask, redis_server):
    (told,) = await ask(doctor, REDIS_URL=redis_server.url, REDIS_CLUSTER="true")
    assert told.endswith("the server is not a cluster: set REDIS_CLUSTER=false")


class Node(RedisServer):
    """A cluster of one."""

    def command(self):
        bus = str(free_port())
        return [*super().command(), "--cluster-enabled", "yes", "--cluster-port", bus]


async def test_a_cluster_needs_its_setting(ask, tmp_path):
    node = Node(tmp_path / "data", free_port())
    with ServerProcess(node, tmp_path / "log"), Redis(HOST, node.port) as client:
        client.execute_command("CLUSTER ADDSLOTSRANGE 0 16383")
        eventually(lambda: client.cluster("INFO")["cluster_state"] == "ok")
        place = f"redis://{HOST}:{node.port}"
        told = await ask(doctor, REDIS_URL=place, **PATIENT)
        assert told[1].endswith(", cluster: set REDIS_CLUSTER=true")
        told = await ask(doctor, REDIS_URL=place, REDIS_CLUSTER="true", **PATIENT)
        assert [each.partition(":")[0] for each in told] == ["ok"] * 4
        assert told[1].endswith(", cluster")


async def test_a_redis_without_tls_does_not_answer_rediss(ask, redis_server, monkeypatch):
    monkeypatch.setattr(doctor, "DEADLINE_S", 0.5)
    (told,) = await ask(doctor, REDIS_URL=redis_server.url.replace("redis:", "rediss:"))
    assert told.endswith("check address and firewall; for a server without TLS, write redis://")


async def test_an_answer_past_the_apps_deadline_is_reported(ask, redis_server):
    told = await ask(doctor, REDIS_URL=redis_server.url, CACHE_TIMEOUT_MS="0.0001")
    assert told[0].endswith("raise CACHE_TIMEOUT_MS, or use a server that is nearer")


async def test_a_limited_memory_needs_an_eviction_policy(ask, configured, redis_server):
    configured("maxmemory", "1gb")
    told = await ask(doctor, REDIS_URL=redis_server.url)
    assert "is noeviction: set maxmemory-policy to allkeys-lru: a full" in told[2]
    configured("maxmemory-policy", "allkeys-lru")
    told = await ask(doctor, REDIS_URL=redis_server.url)
    assert told[2] == "ok: maxmemory is 1,073,741,824 bytes, maxmemory-policy is allkeys-lru"
    configured("maxmemory-policy", "noeviction")
    configured("maxmemory", "1")
    told = await ask(doctor, REDIS_URL=redis_server.url)
    assert told[3].startswith("fix: SET is refused: it is full and evicts nothing")


async def test_a_command_that_the_user_may_not_use_is_reported(ask, user, server):
    user("+@all", "-eval")
    told = await ask(doctor, REDIS_URL=url(server, "app:word@"))
    assert "the user may not EVAL (NOPERM): grant it `~triscore:* +ping" in told[3]


async def test_what_the_doctor_says_to_grant_is_enough(ask, user, server):
    keys, *rules = GRANT.partition("`")[2].removesuffix("`").split()
    assert keys == "~triscore:*"
    user(*rules)
    told = await ask(doctor, REDIS_URL=url(server, "app:word@"), **PATIENT)
    assert told[1:] == [
        "ok: version and eviction policy are unknown: the user may not INFO",
        "ok: SET, MGET and EVAL are accepted on keys that begin with triscore:",
    ]


async def test_a_replica_is_reported(ask, server):
    server.replicaof(HOST, free_port())
    try:
        told = await ask(doctor, REDIS_URL=url(server))
    finally:
        server.replicaof("NO", "ONE")
    assert told[3].endswith("it is a replica: write its primary's address into REDIS_URL")


async def test_a_line_of_the_portal_works_like_a_url(ask, redis_server, configured):
    configured("requirepass", "a/key#with?signs=")
    place = f"{HOST}:{redis_server.port}"
    line = f"{place},password=a/key#with?signs=,ssl=False,abortConnect=False"
    told = await ask(doctor, REDIS_URL=line, **PATIENT)
    assert [each.partition(":")[0] for each in told] == ["ok"] * 4
    assert told[0].startswith(f"ok: redis://:***@{place} answers in ")
    assert "signs" not in str(told)
