from __future__ import annotations

import gc

import pytest

from cache import CacheUnavailable, MemoryCache
from cache.entry import Entry
from cache.near_cache import ENTRY_BYTES
from tests.clock import Clock


@pytest.fixture
def clock():
    return Clock(0.0)


async def value(cache: MemoryCache, key: str) -> bytes | None:
    entry = await cache.get(key)
    return None if entry is None else entry.value


def room_for(entries: int) -> int:
    """Bytes for entries with a key and a value of one byte each."""
    return entries * (ENTRY_BYTES + 2)


async def test_a_value_is_gone_when_it_expires(clock):
    cache = MemoryCache(clock=clock)
    await cache.put("k", b"v", ttl_s=10)
    clock.now = 9.999
    assert await cache.get("k") == Entry(b"v", age_s=9.999, ttl_left_s=pytest.approx(0.001))
    clock.now = 10
    assert await cache.get("k") is None


async def test_an_expired_value_frees_its_bytes(clock):
    cache = MemoryCache(clock=clock)
    await cache.put("k", b"v", ttl_s=10)
    clock.now = 10
    await cache.get("k")
    assert cache.size_bytes == 0
    assert len(cache) == 0


async def test_add_replaces_an_expired_value(clock):
    cache = MemoryCache(clock=clock)
    await cache.put("k", b"old", ttl_s=10)
    clock.now = 10
    assert await cache.add("k", b"new", ttl_s=10)


async def test_the_least_recently_used_value_is_dropped_first():
    cache = MemoryCache(max_bytes=room_for(2))
    cache.keep([("a", b"1"), ("b", b"2")], ttl_s=10)
    await cache.get("a")
    cache.keep([("c", b"3")], ttl_s=10)
    assert await cache.get("b") is None
    assert await value(cache, "a") == b"1"
    assert await value(cache, "c") == b"3"


async def test_promised_values_are_not_displaced_by_others():
    cache = MemoryCache(max_bytes=room_for(2))
    await cache.add("reserved", b"r", ttl_s=10)
    await cache.put("result", b"d", ttl_s=10)
    cache.keep([(f"{number}", b"1") for number in range(1000)], ttl_s=10)
    assert [await value(cache, "reserved"), await value(cache, "result")] == [b"r", b"d"]


@pytest.mark.parametrize("store", ["put", "keep"])
async def test_it_never_holds_more_than_its_bytes(store):
    cache = MemoryCache(max_bytes=10_000, promised_bytes=10_000)
    for number in range(500):
        key, content = f"key-{number % 70}", b"x" * (number * 37 % 3000)
        if store == "put":
            await cache.put(key, content, ttl_s=10)
        else:
            cache.keep([(key, content)], ttl_s=10)
        assert 0 < cache.size_bytes <= 10_000


async def test_storing_again_counts_the_new_value_only():
    cache = MemoryCache()
    for _ in range(10):
        await cache.put("a", b"1", ttl_s=10)
    assert cache.size_bytes == room_for(1)


async def test_a_value_larger_than_the_cache_is_refused_for_good_and_displaces_nothing():
    cache = MemoryCache(promised_bytes=room_for(2))
    await cache.put("a", b"1", ttl_s=10)
    with pytest.raises(CacheUnavailable, match="do not fit") as caught:
        await cache.put("b", b"x" * 1000, ttl_s=10)
    assert isinstance(caught.value, ValueError)
    assert await value(cache, "a") == b"1"


async def test_a_value_that_is_too_large_to_keep_is_ignored():
    cache = MemoryCache(max_bytes=room_for(1))
    cache.keep([("a", b"1"), ("b", b"x" * 1000)], ttl_s=10)
    cache.store_soon([("b", b"x" * 1000)], ttl_s=10)
    assert cache.peek("a").value == b"1"
    assert cache.peek("b") is None


async def test_a_peek_counts_as_use_and_sees_what_a_get_sees(clock):
    cache = MemoryCache(max_bytes=room_for(2), clock=clock)
    cache.keep([("a", b"1"), ("b", b"2")], ttl_s=10)
    clock.now = 4
    assert cache.peek("a") == Entry(b"1", age_s=4, ttl_left_s=6, fixed=True)
    cache.keep([("c", b"3")], ttl_s=10)
    assert cache.peek("b") is None
    clock.now = 10
    assert cache.peek("a") is None


async def test_the_garbage_collector_does_not_track_entries():
    def tracked():
        gc.collect()
        return sum(isinstance(each, tuple) and len(each) == 5 for each in gc.get_objects())

    before = tracked()
    cache = MemoryCache()
    cache.keep([(f"key-{number}", b"%d" % number) for number in range(10_000)], ttl_s=10)
    assert tracked() < before + 1000


async def test_closing_removes_all_values():
    cache = MemoryCache()
    await cache.put("a", b"1", ttl_s=10)
    await cache.close()
    assert await cache.get("a") is None
    empty = "<NearCache 0 entries, 0 of 67108864 bytes>"
    assert repr(cache) == f"<MemoryCache {empty}, promised {empty}>"
