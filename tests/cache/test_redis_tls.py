"""`rediss://`: the connection is encrypted, and the certificate is verified."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cache import CacheUnavailable
from local.emulators.redis_server import RedisServer
from tests.cache.cluster_process import ClusterProcess
from tests.cache.redis_tls import TlsRedisServer
from tests.certificates import certificate_for
from tests.servers import ServerProcess


@pytest.fixture(scope="module")
def tls_redis(tmp_path_factory, free_port):
    folder = tmp_path_factory.mktemp("redis-tls")
    plain = RedisServer(folder / "data", free_port())
    server = TlsRedisServer(plain, certificate_for("127.0.0.1", folder), password="secret")
    with ServerProcess(server, folder / "redis.log") as process:
        yield process


@pytest.fixture(scope="module")
def tls_cluster(tmp_path_factory):
    """Its nodes name their addresses, and their certificate names `localhost`."""
    folder = tmp_path_factory.mktemp("redis-tls-cluster")
    with ClusterProcess(folder, certificate_for("localhost", folder)) as cluster:
        yield cluster


def open_sockets() -> int:
    names = Path("/proc/self/fd").iterdir()
    return sum(os.path.realpath(name).rpartition("/")[2].startswith("socket:") for name in names)


@pytest.fixture(autouse=True)
async def every_socket_is_closed(tls_redis, eventually_async):
    """A TLS channel takes leave of the other side before it closes; the loop must not end first."""
    before = open_sockets()
    yield
    await eventually_async(lambda: open_sockets() <= before)


async def test_values_travel_over_tls_with_the_key_of_the_url(
    tls_redis, open_cache, key, monkeypatch
):
    monkeypatch.setenv("SSL_CERT_FILE", str(tls_redis.server.certificate.file))
    cache = open_cache(f"rediss://:secret@127.0.0.1:{tls_redis.port}/0")
    await cache.put(key, b"value", ttl_s=60)
    assert (await cache.get(key)).value == b"value"


async def test_a_wrong_key_is_an_outage(tls_redis, open_cache, key, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(tls_redis.server.certificate.file))
    cache = open_cache(f"rediss://:guess@127.0.0.1:{tls_redis.port}/0")
    with pytest.raises(CacheUnavailable, match="invalid username-password pair"):
        await cache.get(key)


async def test_a_certificate_of_an_unknown_issuer_is_refused(tls_redis, open_cache, key):
    cache = open_cache(f"rediss://:secret@127.0.0.1:{tls_redis.port}/0")
    with pytest.raises(CacheUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
        await cache.get(key)


async def test_all_nodes_of_a_cluster_have_the_certificate_of_the_name_in_the_url(
    tls_cluster, open_cache, key, monkeypatch
):
    monkeypatch.setenv("SSL_CERT_FILE", str(tls_cluster.certificate.file))
    cache = open_cache(tls_cluster.url, cluster=True)
    items = [(f"{key}{number}", b"%d" % number) for number in range(100)]
    cache.store_soon(items, ttl_s=60)
    await cache.flush()
    found = await cache.get_many([name for name, _ in items])
    assert [entry and entry.value for entry in found] == [value for _, value in items]
    assert all(tls_cluster.ask(node, "DBSIZE") > 10 for node in range(3))


async def test_a_cluster_whose_certificate_has_another_name_is_refused(
    tls_cluster, open_cache, key, monkeypatch
):
    monkeypatch.setenv("SSL_CERT_FILE", str(tls_cluster.certificate.file))
    cache = open_cache(tls_cluster.url.replace("localhost", "127.0.0.1"), cluster=True)
    with pytest.raises(CacheUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
        await cache.get(key)
