"""Batches read and format one at a time, and the event loop runs in between."""

import asyncio
import io
import itertools
import threading
import time

import pytest

from inference.serving.batch_turns import BatchTurns


def work(seconds: float) -> None:
    """Keep the interpreter busy for so many processor seconds."""
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


async def test_one_batch_works_at_a_time():
    turns, working, most = BatchTurns(), [], []

    def call(number: int) -> int:
        working.append(number)
        most.append(len(working))
        time.sleep(0.002)
        working.remove(number)
        return number

    calls = (turns.run(asyncio.to_thread, call, number) for number in range(8))
    assert await asyncio.gather(*calls) == list(range(8))
    assert max(most) == 1


async def test_the_event_loop_has_turns_between_the_calls_of_many_batches():
    turns, ended, seen = BatchTurns(), 0, []

    async def batch() -> None:
        nonlocal ended
        for _ in range(5):
            await turns.run(asyncio.to_thread, work, 0.002)
            ended += 1

    batches = asyncio.gather(*(batch() for _ in range(4)))
    while not batches.done():
        seen.append(ended)
        await asyncio.sleep(0)
    missed = [after - before for before, after in itertools.pairwise(seen)]
    assert max(missed) <= 2


async def test_other_batches_work_while_one_waits_for_its_bytes():
    turns, asked, there = BatchTurns(), threading.Event(), threading.Event()

    class Slow(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def readinto(self, buffer) -> int:
            asked.set()
            if not there.wait(10):
                raise OSError("nobody worked")
            buffer[:4] = b"rows"
            return 4

    source = turns.outside(io.BufferedReader(Slow()))
    read = asyncio.create_task(turns.run(asyncio.to_thread, source.read, 4))
    await asyncio.to_thread(asked.wait, 10)
    await turns.run(asyncio.to_thread, there.set)
    assert await read == b"rows"


async def test_an_error_and_a_cancelled_caller_give_the_turn_back():
    turns, stop = BatchTurns(), threading.Event()
    with pytest.raises(ZeroDivisionError):
        await turns.run(asyncio.to_thread, lambda: 1 / 0)
    cancelled = asyncio.create_task(turns.run(asyncio.to_thread, stop.wait, 10))
    await asyncio.sleep(0.05)
    cancelled.cancel()
    await asyncio.gather(cancelled, return_exceptions=True)
    stop.set()
    assert await asyncio.wait_for(turns.run(asyncio.to_thread, int, "3"), 10) == 3


async def test_a_call_on_the_event_loop_waits_for_no_batch():
    turns, stop = BatchTurns(), threading.Event()

    async def at_once(call, *args):
        return call(*args)

    other = asyncio.create_task(turns.run(asyncio.to_thread, stop.wait, 10))
    await asyncio.sleep(0.05)
    source = turns.outside(io.BytesIO(b"rows"))
    assert await turns.run(at_once, source.read) == b"rows"
    stop.set()
    assert await other
