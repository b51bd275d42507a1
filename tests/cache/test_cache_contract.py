"""What every cache keeps to: within the process, in Redis, in a cluster of Redis."""

from __future__ import annotations

import asyncio

import pytest


@pytest.fixture(params=["memory", "redis", "cluster"])
def cache(request):
    return request.getfixturevalue(f"{request.param}_cache")


async def test_a_key_never_stored_is_a_miss(cache, key):
    assert await cache.get(key) is None


@pytest.mark.parametrize(
    "value", [b"x", b"\x80\x04N.", b"\r\n$-1\r\n", bytes(range(256)) * 4096], ids=len
)
async def test_what_is_put_is_got_byte_for_byte(cache, key, value):
    await cache.put(key, value, ttl_s=60)
    assert (await cache.get(key)).value == value


async def test_a_stored_empty_value_is_a_hit(cache, key):
    await cache.put(key, b"", ttl_s=60)
    assert (await cache.get(key)).value == b""


async def test_an_entry_tells_its_age_in_seconds(cache, key):
    await cache.put(key, b"value", ttl_s=60)
    assert 0 <= (await cache.get(key)).age_s < 10


async def test_a_later_put_replaces_the_value(cache, key):
    await cache.put(key, b"first", ttl_s=60)
    await cache.put(key, b"second", ttl_s=60)
    assert (await cache.get(key)).value == b"second"


async def test_keys_are_apart(cache, key):
    await cache.put(key, b"value", ttl_s=60)
    assert await cache.get(f"{key}2") is None


async def test_a_value_is_gone_after_its_time(cache, key, eventually_async):
    await cache.put(key, b"value", ttl_s=0.05)

    async def is_gone():
        return await cache.get(key) is None

    await eventually_async(is_gone)


async def test_add_stores_where_nothing_is_stored(cache, key):
    assert await cache.add(key, b"first", ttl_s=60) is True
    assert (await cache.get(key)).value == b"first"


async def test_add_leaves_what_is_stored(cache, key):
    await cache.put(key, b"", ttl_s=60)
    assert await cache.add(key, b"second", ttl_s=60) is False
    assert (await cache.get(key)).value == b""


async def test_of_many_adds_at_once_exactly_one_stores(cache, key):
    stored = await asyncio.gather(
        *(cache.add(key, b"%d" % number, ttl_s=60) for number in range(50))
    )
    assert stored.count(True) == 1
    assert (await cache.get(key)).value == b"%d" % stored.index(True)


async def test_an_added_value_expires(cache, key, eventually_async):
    await cache.add(key, b"first", ttl_s=0.05)

    async def can_be_added():
        return await cache.add(key, b"second", ttl_s=60)

    await eventually_async(can_be_added)


async def test_a_hundred_gets_at_once_all_get_their_own(cache, key):
    await asyncio.gather(
        *(cache.put(f"{key}{number}", b"%d" % number, ttl_s=60) for number in range(100))
    )
    entries = await asyncio.gather(*(cache.get(f"{key}{number}") for number in range(100)))
    assert [entry.value for entry in entries] == [b"%d" % number for number in range(100)]


async def test_a_cache_that_answers_is_ok(cache):
    assert await cache.ping() is True
    assert cache.state == "ok"


async def test_closing_twice_is_closing_once(cache):
    await cache.close()
    await cache.close()
