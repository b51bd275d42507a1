import asyncio
import sys
import threading
from concurrent.futures import Future

import pytest

from inference.counts import Counts
from inference.errors import Overloaded, ScoringTimeout
from inference.hung import MAX_HUNG
from inference.worker import ModelThread


@pytest.fixture
def thread():
    thread = ModelThread(timeout_s=5, counts=Counts())
    yield thread
    thread.close()


async def test_calls_run_one_at_a_time_in_their_order(thread):
    order = []
    await asyncio.gather(*(thread.run(lambda n=n: order.append(n)) for n in range(50)))
    assert order == list(range(50))


async def test_what_a_call_raises_reaches_its_waiter_even_system_exit(thread):
    with pytest.raises(SystemExit):
        await thread.run(lambda: sys.exit(3))
    assert await thread.run(lambda: "alive") == "alive"


async def test_a_call_past_its_deadline_is_abandoned_and_others_are_served():
    hang = threading.Event()
    thread = ModelThread(timeout_s=0.05, counts=Counts())
    with pytest.raises(ScoringTimeout, match=r"0\.05 s \(SCORING_TIMEOUT_S\)"):
        await thread.run(hang.wait)
    assert await thread.run(lambda: "next") == "next"
    hang.set()
    thread.close()


async def test_calls_that_hang_use_up_only_so_many_threads():
    hang = threading.Event()
    thread = ModelThread(timeout_s=0.01, counts=Counts())
    for _ in range(MAX_HUNG):
        with pytest.raises(ScoringTimeout):
            await thread.run(hang.wait)
    with pytest.raises(Overloaded, match="8 calls hang"):
        await thread.run(lambda: None)
    left_behind = tuple(thread._hung._threads)
    hang.set()
    for each in left_behind:
        await asyncio.to_thread(each.join, 5)
    assert await thread.run(lambda: "again") == "again"
    thread.close()


async def test_a_call_that_never_began_in_time_is_turned_away_not_timed_out():
    hang, began = threading.Event(), threading.Event()
    thread = ModelThread(timeout_s=0.2, counts=Counts())

    def first() -> None:
        began.set()
        hang.wait()

    loading: Future[None] = Future()
    thread.begin(first, loading)  # no deadline: it holds the thread
    assert began.wait(5)
    with pytest.raises(Overloaded, match="did not get to"):
        await thread.run(lambda: pytest.fail("it was given up"))
    hang.set()
    await asyncio.wrap_future(loading)
    thread.close()


async def test_too_many_waiting_calls_are_turned_away_at_once():
    hang = threading.Event()
    thread = ModelThread(timeout_s=5, counts=Counts(), max_waiting=2)
    waiting = [asyncio.create_task(thread.run(hang.wait)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded, match="2 calls wait"):
        await thread.run(lambda: None)
    hang.set()
    await asyncio.gather(*waiting)
    thread.close()


async def test_a_cancelled_waiter_does_not_disturb_the_next(thread):
    hang, began = threading.Event(), threading.Event()

    def hold() -> None:
        began.set()
        hang.wait()

    held = asyncio.create_task(thread.run(hold))
    await asyncio.to_thread(began.wait, 5)
    queued = [asyncio.create_task(thread.run(lambda n=n: n)) for n in range(3)]
    await asyncio.sleep(0)
    queued[0].cancel()
    hang.set()
    await held
    assert await asyncio.gather(*queued[1:]) == [1, 2]
