"""Leases between processes: what they cover, and how long a process waits for one."""

import asyncio

import pytest

from cache.memory_cache import MemoryCache
from inference.serving.leases import MAX_S, Lease
from tests.inference.serving.virtual import run


def on_virtual_time(test):
    def wrapped() -> None:
        async def whole() -> None:
            loop = asyncio.get_running_loop()
            await test(MemoryCache(clock=loop.time), loop.time)

        run(whole())

    wrapped.__name__ = test.__name__
    return wrapped


@on_virtual_time
async def test_a_waiter_goes_on_as_soon_as_the_lease_is_released(cache, clock):
    async def holder():
        async with Lease(cache, ["a", "b"], cost_s=1):
            await asyncio.sleep(0.2)

    holding = asyncio.create_task(holder())
    await asyncio.sleep(0.01)
    async with Lease(cache, ["b", "a"], cost_s=1) as lease:
        assert lease.answers is None
        assert 0.2 <= clock() <= 0.25
    await holding


@on_virtual_time
async def test_a_waiter_gets_what_the_holder_stored(cache, clock):
    async def holder():
        async with Lease(cache, ["a", "b"], cost_s=1):
            await asyncio.sleep(1)
            cache.keep([("a", b"1"), ("b", b"2")], ttl_s=60)

    holding = asyncio.create_task(holder())
    await asyncio.sleep(0.01)
    async with Lease(cache, ["b", "a"], cost_s=1) as lease:
        assert lease.answers == [b"2", b"1"]
        assert clock() <= 1.1
    await holding


@on_virtual_time
async def test_a_lease_does_not_delay_other_rows_though_some_are_shared(cache, clock):
    async with (
        Lease(cache, ["a", "b"], cost_s=1),
        Lease(cache, ["a", "c"], cost_s=1) as other,
        Lease(cache, ["a"], cost_s=1) as one,
    ):
        assert (clock(), other.answers, one.answers) == (0, None, None)


@on_virtual_time
async def test_the_lease_of_a_process_that_died_ends_at_its_limit(cache, clock):
    await Lease(cache, ["a"], cost_s=1e6).__aenter__()
    async with Lease(cache, ["a"], cost_s=1e6):
        assert clock() <= MAX_S + 0.1


@on_virtual_time
async def test_releasing_a_lease_ends_though_the_store_hangs(cache, clock):
    cache.flush = asyncio.Event().wait
    async with Lease(cache, ["a"], cost_s=1):
        pass
    assert clock() <= 1.1


@pytest.mark.parametrize("operation", ["lease", "is_leased", "get_many", "flush", "release"])
def test_without_the_cache_there_is_no_lease_and_no_failure(operation):
    @on_virtual_time
    async def test(cache, clock):
        async def away(*_, **__):
            raise ConnectionError

        async with Lease(cache, ["a"], cost_s=1):
            setattr(cache, operation, away)
            async with Lease(cache, ["a"], cost_s=1) as other:
                assert other.answers is None

    test()
