from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
import uvloop

from cache import CacheSettings, MemoryCache
from cache.near_cache import NearCache
from cache.redis_cache import RedisCache
from cache.settings import Auth
from cache.tiered_cache import TieredCache
from tests.cache.cluster_process import ClusterProcess
from tests.servers import RedisProcess

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
def layered_cache(redis_cache: RedisCache) -> TieredCache:
    return TieredCache(NearCache(), redis_cache)


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
