"""The contract of every cache: in memory, in Redis, in a Redis cluster, tiered."""

from __future__ import annotations

import asyncio

import pytest

from cache import CacheUnavailable
from cache.entry import Entry


@pytest.fixture(params=["memory", "redis", "cluster", "layered"])
def cache(request):
    return request.getfixturevalue(f"{request.param}_cache")


async def test_a_key_never_stored_is_a_miss(cache, key):
    assert await cache.get(key) is None


@pytest.mark.parametrize(
    "value", [b"x", b"\x80\x04N.", b"\r\n$-1\r\n", bytes(range(256)) * 4096], ids=len
)
async def test_a_get_returns_the_bytes_that_were_put(cache, key, value):
    await cache.put(key, value, ttl_s=60)
    assert (await cache.get(key)).value == value


async def test_a_stored_empty_value_is_a_hit(cache, key):
    await cache.put(key, b"", ttl_s=60)
    assert (await cache.get(key)).value == b""


async def test_an_entry_has_its_age_in_seconds(cache, key):
    await cache.put(key, b"value", ttl_s=60)
    assert 0 <= (await cache.get(key)).age_s < 10


async def test_an_entry_has_its_remaining_seconds(cache, key):
    await cache.put(key, b"value", ttl_s=1000)
    assert 890 < (await cache.get(key)).ttl_left_s <= 1100


async def test_a_later_put_replaces_the_value(cache, key):
    await cache.put(key, b"first", ttl_s=60)
    await cache.put(key, b"second", ttl_s=60)
    assert (await cache.get(key)).value == b"second"


async def test_keys_have_values_of_their_own(cache, key):
    await cache.put(key, b"value", ttl_s=60)
    assert await cache.get(f"{key}2") is None


async def test_a_value_expires(cache, key, eventually_async):
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


async def test_replace_stores_where_the_old_value_is_stored(cache, key):
    await cache.put(key, b"old", ttl_s=60)
    assert await cache.replace(key, b"old", b"new", ttl_s=60) is True
    assert (await cache.get(key)).value == b"new"


@pytest.mark.parametrize("old", [b"", b"ol", b"old and more", b"\xff"])
async def test_replace_leaves_any_other_value(cache, key, old):
    await cache.put(key, b"old", ttl_s=60)
    assert await cache.replace(key, old, b"new", ttl_s=60) is False
    assert (await cache.get(key)).value == b"old"


async def test_replace_stores_nothing_where_nothing_is_stored(cache, key):
    assert await cache.replace(key, b"", b"new", ttl_s=60) is False
    assert await cache.get(key) is None


async def test_of_many_replacements_at_once_exactly_one_stores(cache, key):
    await cache.add(key, b"", ttl_s=60)
    stored = await asyncio.gather(
        *(cache.replace(key, b"", b"%d" % number, ttl_s=60) for number in range(50))
    )
    assert stored.count(True) == 1
    assert (await cache.get(key)).value == b"%d" % stored.index(True)


async def test_a_replacement_has_a_lifetime_of_its_own(cache, key):
    await cache.add(key, b"old", ttl_s=60)
    await cache.replace(key, b"old", b"new", ttl_s=1000)
    entry = await cache.get(key)
    assert 940 < entry.ttl_left_s < 1001
    assert entry.age_s < 10


async def test_a_hundred_gets_at_once_all_get_their_own(cache, key):
    await asyncio.gather(
        *(cache.put(f"{key}{number}", b"%d" % number, ttl_s=60) for number in range(100))
    )
    entries = await asyncio.gather(*(cache.get(f"{key}{number}") for number in range(100)))
    assert [entry.value for entry in entries] == [b"%d" % number for number in range(100)]


async def test_get_many_keeps_the_order_of_the_keys(cache, key):
    for number in (1, 2, 3):
        await cache.put(f"{key}{number}", b"%d" % number, ttl_s=60)
    asked = [f"{key}{number}" for number in (3, 0, 1, 3, 2, 0)]
    entries = await cache.get_many(asked)
    assert [entry and entry.value for entry in entries] == [b"3", None, b"1", b"3", b"2", None]


async def test_get_many_of_no_keys_returns_none(cache):
    assert await cache.get_many([]) == []


async def test_thousands_are_stored_and_got_at_once(cache, key):
    items = [(f"{key}{number}", b"%d" % number) for number in range(2500)]
    cache.store_soon(items, ttl_s=60)
    await cache.flush()
    entries = await cache.get_many([name for name, _ in items])
    assert [entry.value for entry in entries] == [value for _, value in items]


async def test_what_is_stored_soon_is_there_after_a_flush(cache, key):
    cache.store_soon([(key, b"value"), (f"{key}2", b"")], ttl_s=60)
    await cache.flush()
    assert (await cache.get(key)).value == b"value"
    assert (await cache.get(f"{key}2")).value == b""


async def test_the_later_of_two_stores_of_a_key_counts(cache, key):
    cache.store_soon([(key, b"first"), (key, b"second")], ttl_s=60)
    cache.store_soon([(key, b"third")], ttl_s=60)
    await cache.flush()
    assert (await cache.get(key)).value == b"third"


async def test_what_is_stored_soon_expires(cache, key, eventually_async):
    cache.store_soon([(key, b"value")], ttl_s=0.05)
    await cache.flush()

    async def is_gone():
        return await cache.get(key) is None and cache.peek(key) is None

    await eventually_async(is_gone)


async def test_a_flush_of_nothing_returns(cache):
    await cache.flush()


async def test_a_lease_goes_to_the_first(cache, key):
    assert await cache.lease(key, ttl_s=60) is True
    assert await cache.lease(key, ttl_s=60) is False


async def test_of_many_who_want_a_lease_one_gets_it(cache, key):
    assert (await asyncio.gather(*(cache.lease(key, ttl_s=60) for _ in range(50)))).count(True) == 1


async def test_a_released_lease_can_be_taken_again(cache, key):
    await cache.lease(key, ttl_s=60)
    await cache.release(key)
    assert await cache.lease(key, ttl_s=60) is True


async def test_whether_a_lease_is_held_can_be_asked(cache, key):
    assert await cache.is_leased(key) is False
    await cache.lease(key, ttl_s=60)
    assert await cache.is_leased(key) is True
    await cache.release(key)
    assert await cache.is_leased(key) is False


async def test_a_lease_expires(cache, key, eventually_async):
    await cache.lease(key, ttl_s=0.05)

    async def can_be_had():
        return await cache.lease(key, ttl_s=60)

    await eventually_async(can_be_had)


async def test_a_lease_is_no_value(cache, key):
    await cache.lease(key, ttl_s=60)
    assert await cache.get(key) is None
    assert await cache.add(key, b"value", ttl_s=60) is True


async def test_to_release_a_lease_that_is_not_held_does_nothing(cache, key):
    await cache.release(key)


async def test_a_cache_that_answers_is_ok(cache):
    assert await cache.ping() is True
    assert (cache.state, cache.degradation) == ("ok", None)


async def test_a_health_check_writes_to_a_key_of_its_own(cache, key):
    await cache.put(key, b"value", ttl_s=60)
    for _ in range(3):
        assert await cache.ping() is True
    assert (await cache.get(key)).value == b"value"


async def test_a_cache_says_whether_it_keeps_values_in_the_process(cache, key):
    cache.keep([(key, b"value")], ttl_s=60)
    assert (cache.peek(key) is not None) == cache.near


async def test_many_flushes_at_once_all_return(cache, key):
    cache.store_soon([(f"{key}{number}", b"value") for number in range(500)], ttl_s=60)
    await asyncio.gather(*(cache.flush() for _ in range(20)))
    found = await cache.get_many([f"{key}{number}" for number in range(500)])
    assert None not in found


async def test_closing_ends_every_flush_and_lookup(cache, key):
    cache.store_soon([(f"{key}{number}", b"value") for number in range(500)], ttl_s=60)
    waiting = [asyncio.create_task(cache.flush()) for _ in range(3)]
    waiting += [asyncio.create_task(cache.get(f"{key}{number}")) for number in range(3)]
    await asyncio.sleep(0)
    await cache.close()
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(each) for each in outcomes} <= {type(None), Entry, CacheUnavailable}


async def test_closing_twice_is_closing_once(cache):
    await cache.close()
    await cache.close()
