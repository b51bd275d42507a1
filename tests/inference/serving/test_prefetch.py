"""The stages of a pipeline overlap, keep their order, and all end with it, whatever happens."""

import asyncio
from contextlib import aclosing

import pytest

from inference.errors import InternalError
from inference.serving.prefetch import Prefetch


async def numbers(count: int, made: list[int] | None = None):
    for number in range(count):
        if made is not None:
            made.append(number)
        yield number


def others():
    return asyncio.all_tasks() - {asyncio.current_task()}


@pytest.mark.parametrize("count", [1, 3])
async def test_items_keep_their_order(count):
    async with Prefetch(numbers(100), count) as items:
        assert [item async for item in items] == list(range(100))
    assert not others()


@pytest.mark.parametrize("count", [1, 3])
async def test_no_more_items_are_made_ahead_than_allowed(count):
    made: list[int] = []
    async with Prefetch(numbers(100, made), count) as items:
        async for item in items:
            await asyncio.sleep(0.001)
            assert len(made) <= item + 1 + count
            if item == 20:
                break
    assert not others()


async def test_stages_work_at_the_same_time():
    async def slow(source=None):
        if source is None:
            for number in range(10):
                await asyncio.sleep(0.02)
                yield number
        else:
            async for item in source:
                await asyncio.sleep(0.02)
                yield item

    began = asyncio.get_running_loop().time()
    async with (
        Prefetch(slow()) as first,
        Prefetch(slow(first)) as second,
        Prefetch(slow(second)) as third,
    ):
        assert [item async for item in third] == list(range(10))
    assert asyncio.get_running_loop().time() - began < 0.45  # 0.6 one after the other


async def test_an_error_comes_after_the_items_before_it_and_ends_the_other_stages():
    async def faulty():
        yield 1
        yield 2
        raise ValueError("the third")

    async def doubled(source):
        async for item in source:
            yield 2 * item

    async with Prefetch(faulty()) as first, Prefetch(doubled(first)) as second:
        assert [await anext(second), await anext(second)] == [2, 4]
        with pytest.raises(ValueError, match="the third"):
            await anext(second)
    assert not others()


async def test_an_error_of_the_consumer_ends_all_stages():
    ended = []

    async def endless():
        try:
            while True:
                yield 1
                await asyncio.sleep(0)
        finally:
            ended.append("source")

    async def passed_on(source):
        try:
            async for item in source:
                yield item
        finally:
            ended.append("stage")

    async def consume():
        async with Prefetch(endless()) as first, Prefetch(passed_on(first)) as second:
            async for _ in second:
                raise ValueError("full")

    with pytest.raises(ValueError, match="full"):
        await consume()
    assert sorted(ended) == ["source", "stage"]
    assert not others()


@pytest.mark.parametrize("turns", [0, 1, 2, 5])
async def test_cancellation_at_any_moment_leaves_nothing_running(turns):
    async def stuck():
        yield 1
        await asyncio.Event().wait()

    async def run():
        async with Prefetch(stuck()) as first, Prefetch(numbers_of(first)) as second:
            async for _ in second:
                pass

    async def numbers_of(source):
        async for item in source:
            yield item

    task = asyncio.create_task(run())
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not others()


async def test_something_that_was_cancelled_within_a_stage_ends_the_wait():
    async def of_a_cancelled_future():
        yield 1
        future = asyncio.get_running_loop().create_future()
        future.cancel()
        await future

    async with Prefetch(of_a_cancelled_future()) as items:
        assert await anext(items) == 1
        with pytest.raises(InternalError):
            async with asyncio.timeout(1):
                await anext(items)
        with pytest.raises(InternalError):  # again, at once
            await anext(items)


async def test_a_source_is_closed_where_its_consumer_stops_early():
    source = numbers(5)
    async with aclosing(source), Prefetch(source) as items:
        assert await anext(items) == 0
    with pytest.raises(StopAsyncIteration):
        await anext(source)
