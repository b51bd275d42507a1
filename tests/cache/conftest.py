from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from cache import CacheSettings, MemoryCache
from cache.redis_cache import RedisCache
from tests.conftest import RedisProcess

#: Far above what a loaded machine needs: where a test is not about the deadline, it must not
#: decide the outcome.
PATIENT_MS = 10_000


@asynccontextmanager
async def closing(cache: RedisCache) -> AsyncIterator[RedisCache]:
    try:
        yield cache
    finally:
        await cache.close()


@pytest.fixture
def memory_cache() -> MemoryCache:
    return MemoryCache()


@pytest.fixture
async def redis_cache(redis_server: RedisProcess) -> AsyncIterator[RedisCache]:
    """A cache in a running Redis, with a deadline that nothing reaches by accident."""
    settings = CacheSettings(redis_url=redis_server.url, timeout_ms=PATIENT_MS)
    async with closing(RedisCache(settings)) as cache:
        yield cache


@pytest.fixture
def key() -> str:
    """A key that no other test uses."""
    return f"triscore:test:{random.getrandbits(128):032x}"
