"""Deadlines cancel what takes too long, and nothing else."""

import asyncio
import contextlib

import pytest

from local.host.app.deadlines import Deadlines

SHORT_S = 0.02


async def never() -> None:
    await asyncio.get_running_loop().create_future()


async def test_work_within_its_deadline_returns_its_result():
    async def work() -> int:
        await asyncio.sleep(0)
        return 3

    assert await Deadlines(60).run(work()) == 3


async def test_work_over_its_deadline_is_cancelled_and_raises_timeout_error():
    with pytest.raises(TimeoutError):
        await Deadlines(SHORT_S).run(never())
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_each_call_has_the_whole_timeout_from_its_own_start():
    deadlines, loop = Deadlines(SHORT_S), asyncio.get_running_loop()

    async def overdue():
        began = loop.time()
        with pytest.raises(TimeoutError):
            await deadlines.run(never())
        return loop.time() - began

    first, half = asyncio.create_task(overdue()), loop.time() + SHORT_S / 2
    while loop.time() < half:
        await asyncio.sleep(0)
    second = asyncio.create_task(overdue())
    # The loop's clock counts milliseconds in a float.
    assert min(await first, await second, await overdue()) > SHORT_S - 1e-6


async def test_a_cancellation_by_the_caller_is_not_a_timeout():
    deadlines = Deadlines(60)
    running = asyncio.create_task(deadlines.run(never()))
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert "0 running" in repr(deadlines)


async def test_work_that_ends_although_it_was_cancelled_gives_its_result():
    async def stubborn() -> int:
        with contextlib.suppress(asyncio.CancelledError):
            await never()
        return 3

    assert await Deadlines(SHORT_S).run(stubborn()) == 3
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_without_a_timeout_nothing_is_cancelled():
    deadlines = Deadlines(None)
    running = asyncio.create_task(deadlines.run(never()))
    with pytest.raises(TimeoutError):
        await Deadlines(SHORT_S).run(never())
    assert not running.done()
    running.cancel()
    await asyncio.wait({running})
