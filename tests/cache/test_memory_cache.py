from __future__ import annotations

import pytest

from cache import CacheUnavailable, MemoryCache
from cache.entry import Entry
from cache.memory import ENTRY_BYTES


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


async def value(cache: MemoryCache, key: str) -> bytes | None:
    entry = await cache.get(key)
    return None if entry is None else entry.value


def room_for(entries: int) -> int:
    """Bytes for entries with a key and a value of one byte each."""
    return entries * (ENTRY_BYTES + 2)


async def test_a_value_is_gone_when_its_time_is_over(clock):
    cache = MemoryCache(clock=clock)
    await cache.put("k", b"v", ttl_s=10)
    clock.now = 9.999
    assert await cache.get("k") == Entry(b"v", age_s=9.999)
    clock.now = 10
    assert await cache.get("k") is None


async def test_a_value_that_expired_gives_its_room_back(clock):
    cache = MemoryCache(clock=clock)
    await cache.put("k", b"v", ttl_s=10)
    clock.now = 10
    await cache.get("k")
    assert cache.size_bytes == 0
    assert len(cache) == 0


async def test_add_takes_the_place_of_a_value_that_expired(clock):
    cache = MemoryCache(clock=clock)
    await cache.put("k", b"old", ttl_s=10)
    clock.now = 10
    assert await cache.add("k", b"new", ttl_s=10)


async def test_what_was_used_least_recently_makes_room():
    cache = MemoryCache(max_bytes=room_for(2))
    await cache.put("a", b"1", ttl_s=10)
    await cache.put("b", b"2", ttl_s=10)
    await cache.get("a")
    await cache.put("c", b"3", ttl_s=10)
    assert await cache.get("b") is None
    assert await value(cache, "a") == b"1"
    assert await value(cache, "c") == b"3"


async def test_it_never_holds_more_than_its_bytes():
    cache = MemoryCache(max_bytes=10_000)
    for number in range(500):
        await cache.put(f"key-{number % 70}", b"x" * (number * 37 % 3000), ttl_s=10)
        assert 0 < cache.size_bytes <= 10_000


async def test_storing_again_counts_the_new_value_only():
    cache = MemoryCache(max_bytes=room_for(2))
    for _ in range(10):
        await cache.put("a", b"1", ttl_s=10)
    assert cache.size_bytes == room_for(1)


async def test_a_value_larger_than_the_cache_is_refused_and_displaces_nothing():
    cache = MemoryCache(max_bytes=room_for(2))
    await cache.put("a", b"1", ttl_s=10)
    with pytest.raises(CacheUnavailable, match="do not fit"):
        await cache.put("b", b"x" * 1000, ttl_s=10)
    assert await value(cache, "a") == b"1"


async def test_closing_forgets_everything():
    cache = MemoryCache()
    await cache.put("a", b"1", ttl_s=10)
    await cache.close()
    assert await cache.get("a") is None
    assert repr(cache) == "<MemoryCache 0 entries, 0 of 67108864 bytes>"
