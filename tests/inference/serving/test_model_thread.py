import asyncio
import sys
import threading

import pytest

from inference.counters.counts import Counts
from inference.errors import Overloaded, ScoringTimeout
from inference.serving.hung_threads import MAX_HUNG
from inference.serving.model_thread import ModelThread


@pytest.fixture
def thread():
    thread = ModelThread(timeout_s=5, counts=Counts())
    yield thread
    thread.close()


async def test_calls_run_one_at_a_time_in_order(thread):
    order = []
    await asyncio.gather(*(thread.run(lambda n=n: order.append(n)) for n in range(50)))
    assert order == list(range(50))


async def test_an_error_of_a_call_reaches_its_waiter_even_system_exit(thread):
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


async def test_calls_that_hang_take_a_limited_number_of_threads():
    hang = threading.Event()
    thread = ModelThread(timeout_s=0.01, counts=Counts())
    for _ in range(MAX_HUNG):
        with pytest.raises(ScoringTimeout):
            await thread.run(hang.wait)
    with pytest.raises(Overloaded, match="8 calls of the model hang"):
        await thread.run(lambda: None)
    left_behind = tuple(thread._hung._threads)
    hang.set()
    for each in left_behind:
        await asyncio.to_thread(each.join, 5)
    assert await thread.run(lambda: "again") == "again"
    thread.close()


async def test_too_many_waiting_calls_are_refused_at_once():
    hang = threading.Event()
    thread = ModelThread(timeout_s=5, counts=Counts(), max_waiting=2)
    waiting = [asyncio.create_task(thread.run(hang.wait)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded, match="2 calls of the model are waiting"):
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


async def hung(thread: ModelThread, hang: threading.Event, count: int) -> None:
    for _ in range(count):
        with pytest.raises(ScoringTimeout):
            await thread.run(hang.wait)


async def test_calls_queued_behind_one_that_hangs_cost_no_thread(monkeypatch):
    hang = threading.Event()
    thread = ModelThread(timeout_s=0.05, counts=Counts())
    hanging = asyncio.create_task(thread.run(hang.wait))
    behind = [asyncio.create_task(thread.run(lambda n=n: n)) for n in range(20)]
    assert await asyncio.gather(*behind) == list(range(20))
    assert len(thread._hung._threads) == 1
    await asyncio.gather(hanging, return_exceptions=True)
    hang.set()
    thread.close()


async def test_the_process_exits_a_while_after_too_many_calls_hang(
    monkeypatch, eventually_async, caplog
):
    monkeypatch.setattr("inference.serving.hung_threads.EXIT_AFTER_S", 0.05)
    hang, ended = threading.Event(), []
    thread = ModelThread(timeout_s=0.01, counts=Counts(), exit_process=lambda: ended.append(1))
    await hung(thread, hang, MAX_HUNG - 1)
    assert thread.failure is None
    await hung(thread, hang, 1)
    assert "8 calls of the model hang" in str(thread.failure)
    assert ended == []
    await eventually_async(lambda: ended == [1])
    assert "the process exits" in caplog.text
    hang.set()
    thread.close()


async def test_the_process_stays_if_a_hanging_call_returns(monkeypatch):
    monkeypatch.setattr("inference.serving.hung_threads.EXIT_AFTER_S", 0.05)
    hang, ended = threading.Event(), []
    thread = ModelThread(timeout_s=0.01, counts=Counts(), exit_process=lambda: ended.append(1))
    await hung(thread, hang, MAX_HUNG)
    left_behind = tuple(thread._hung._threads)
    hang.set()
    for each in left_behind:
        await asyncio.to_thread(each.join, 5)
    await asyncio.sleep(0.1)  # twice the time after which it would be ended
    assert ended == []
    assert await thread.run(lambda: "again") == "again"
    thread.close()


async def test_queued_calls_fail_when_the_last_thread_hangs():
    hang = threading.Event()
    thread = ModelThread(timeout_s=0.05, counts=Counts())
    await hung(thread, hang, MAX_HUNG - 1)
    last = asyncio.create_task(thread.run(hang.wait))
    await asyncio.sleep(0)
    behind = asyncio.create_task(thread.run(hang.wait))
    with pytest.raises(ScoringTimeout):
        await last
    with pytest.raises((Overloaded, ScoringTimeout)):
        await behind
    hang.set()
    thread.close()
