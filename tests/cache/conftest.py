from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pytest
import uvloop
from redis import Redis

from cache import CacheSettings, MemoryCache
from cache.layered import LayeredCache
from cache.near import Near
from cache.redis_cache import RedisCache
from cache.settings import Auth
from emulators.ports import HOST
from emulators.redis_server import RedisServer
from tests.cache.redis_tls import TlsRedisServer
from tests.certificates import Certificate
from tests.servers import RedisProcess, ServerProcess, free_port
from tests.waiting import eventually

#: Far above what a loaded machine needs: where a test is not about the deadline, it must not
#: decide the outcome.
PATIENT_MS = 10_000


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Azure's worker runs the standard loop, the host of this project uvloop."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
def memory_cache() -> MemoryCache:
    return MemoryCache()


@pytest.fixture
async def open_cache() -> AsyncIterator[Callable[..., RedisCache]]:
    """`open_cache(url, timeout_ms=…, …)`: caches that are closed when the test ends."""
    opened: list[RedisCache] = []

    def open_one(
        url: str,
        *,
        timeout_ms: float = PATIENT_MS,
        cluster: bool = False,
        auth: Auth = "key",
        **options: Any,
    ) -> RedisCache:
        settings = CacheSettings(
            redis_url=url, timeout_ms=timeout_ms, redis_cluster=cluster, redis_auth=auth
        )
        cache = RedisCache(settings, **options)
        opened.append(cache)
        return cache

    yield open_one
    for cache in opened:
        await cache.close()


@pytest.fixture
def redis_cache(redis_server: RedisProcess, open_cache: Callable[..., RedisCache]) -> RedisCache:
    """A cache in a running Redis, with a deadline that nothing reaches by accident."""
    return open_cache(redis_server.url)


@dataclass(frozen=True)
class ClusterServer(RedisServer):
    """A node of a cluster; the others call it at `bus_port`."""

    bus_port: int = 0

    def command(self) -> list[str]:
        options = {
            "cluster-enabled": "yes",
            "cluster-announce-ip": HOST,
            "cluster-port": str(self.bus_port),
            "cluster-node-timeout": "2000",
            # A replica counts from its first ping on.
            "repl-diskless-sync-delay": "0",
            "repl-ping-replica-period": "1",
        }
        return [
            *super().command(),
            *(word for name, value in options.items() for word in (f"--{name}", value)),
        ]


class ClusterProcess:
    """Three nodes, each with a third of the slots, and a replica of the last."""

    def __init__(self, folder: Path, certificate: Certificate | None = None) -> None:
        self.certificate = certificate
        self._servers = [
            ClusterServer(folder / f"data-{number}", free_port(), bus_port=free_port())
            for number in range(4)
        ]
        self.nodes = [
            ServerProcess(
                TlsRedisServer(server, certificate) if certificate else server,
                folder / f"redis-{number}.log",
            )
            for number, server in enumerate(self._servers)
        ]
        port = self.nodes[0].port
        self.url = f"rediss://localhost:{port}" if certificate else f"redis://{HOST}:{port}"

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for node in self.nodes:
                stack.enter_context(node)
            self._join()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def ask(self, node: int, command: str) -> Any:
        options: dict[str, Any] = {"decode_responses": True}
        if self.certificate:
            options |= {"ssl": True, "ssl_ca_certs": str(self.certificate.file)}
        with Redis("localhost", self.nodes[node].port, **options) as client:
            return client.execute_command(command)

    def kill(self) -> None:
        for node in self.nodes:
            node.kill()

    def start(self) -> None:
        for node in self.nodes:
            node.start()

    def is_whole(self) -> bool:
        """Whether every node knows of every other, and that all slots are served."""
        return all(
            self.ask(node, "CLUSTER INFO")["cluster_state"] == "ok"
            and len(self.ask(node, "CLUSTER SLOTS")) == 3
            for node in range(len(self.nodes))
        )

    def is_primary(self, node: int) -> bool:
        return "role:master" in self.ask(node, "INFO replication")

    def is_guarded(self) -> bool:
        """Whether, besides, one stands by, up to date, and every node knows of it."""
        nodes = range(len(self.nodes))
        return (
            self.is_whole()
            and any("master_link_status:up" in self.ask(node, "INFO replication") for node in nodes)
            # First slot, last slot and primary, and one of three has a replica.
            and all(sum(map(len, self.ask(node, "CLUSTER SLOTS"))) == 3 * 3 + 1 for node in nodes)
        )

    def _join(self) -> None:
        for node, (first, last) in enumerate([(0, 5460), (5461, 10922), (10923, 16383)]):
            self.ask(node, f"CLUSTER ADDSLOTSRANGE {first} {last}")
        for other in self._servers[1:]:
            self.ask(0, f"CLUSTER MEET {HOST} {other.port} {other.bus_port}")
        eventually(self.is_whole)
        self.ask(3, f"CLUSTER REPLICATE {self.ask(2, 'CLUSTER MYID')}")
        eventually(self.is_guarded)


@pytest.fixture(scope="module")
def redis_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterProcess]:
    with ClusterProcess(tmp_path_factory.mktemp("redis-cluster")) as cluster:
        yield cluster


@pytest.fixture
def cluster_cache(
    redis_cluster: ClusterProcess, open_cache: Callable[..., RedisCache]
) -> RedisCache:
    return open_cache(redis_cluster.url, cluster=True)


@pytest.fixture
def layered_cache(redis_cache: RedisCache) -> LayeredCache:
    return LayeredCache(Near(), redis_cache)


@pytest.fixture
def key() -> str:
    """A key that no other test uses."""
    return f"triscore:test:{random.getrandbits(128):032x}"


@pytest.fixture
def stoppable_redis(redis_server: RedisProcess) -> Iterator[RedisProcess]:
    """For tests that kill or pause the server: afterwards it runs again."""
    yield redis_server
    if redis_server.is_running:
        redis_server.resume()
    redis_server.start()
