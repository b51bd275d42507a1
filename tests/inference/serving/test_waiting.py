"""Every waiter gets an outcome by its deadline, whatever goes wrong. On a virtual clock."""

import asyncio
import math
from collections import Counter

import numpy as np
import pytest

from cache.memory_cache import MemoryCache
from inference.errors import InternalError, Overloaded, ScoringTimeout, ScriptFailed
from inference.scripts.array_rows import ArrayRows
from inference.serving.deadlines import Wait
from tests.inference.serving.virtual import BAD, TIMEOUT_S, Core, Model, run, turns


def core_test(test):
    """Run a test on a virtual clock, with a core that must be idle in the end."""

    def on_virtual_time() -> None:
        async def whole() -> None:
            core = Core(Model())
            await test(core)
            await turns()
            assert core.is_at_rest()

        run(whole())

    on_virtual_time.__name__ = test.__name__
    return on_virtual_time


async def outcomes(*tasks):
    return await asyncio.gather(*tasks, return_exceptions=True)


def kinds(results):
    return [type(each) for each in results]


def refuse_by(error):
    return lambda _: error


@core_test
async def test_a_batch_that_can_not_be_joined_is_answered_in_parts(core):
    def join(self, others):
        raise ValueError("widths differ")

    first = core.begin(1)
    await turns()
    tasks = [core.begin(value) for value in (2, 3, 4)]
    await turns()
    original, ArrayRows.join = ArrayRows.join, join
    try:
        assert await outcomes(first, *tasks) == [[2], [4], [6], [8]]
    finally:
        ArrayRows.join = original


@core_test
async def test_rows_of_different_widths_are_never_in_one_call(core):
    batcher = core.caller._batcher

    async def ask(*row):
        return await batcher.predict(ArrayRows(np.array([row])), wait=Wait())

    first = core.begin(1)
    await turns()
    rows = ((2.0, 0.0), (3.0,), (4.0, 0.0), (5.0,))
    tasks = [asyncio.create_task(ask(*row)) for row in rows]
    assert await outcomes(first, *tasks) == [[2], [b"4"], [b"6"], [b"8"], [b"10"]]
    assert core.model.calls == [[1], [2, 4], [3, 5]]


@pytest.mark.parametrize("steps", [0, 1, 3])
def test_all_waiters_fail_when_the_batching_task_is_cancelled(steps):
    @core_test
    async def test(core):
        tasks = [core.begin(value) for value in range(5)]
        await turns(2)
        for _ in range(100):
            if core.caller._batcher._task is not None:
                break
            await turns(1)
        await turns(steps)
        core.caller._batcher._task.cancel()
        assert kinds(await outcomes(*tasks)) == [InternalError] * 5
        assert await core.ask(7) == [14]

    test()


@core_test
async def test_all_waiters_fail_when_the_batching_task_fails(core):
    batcher = core.caller._batcher

    def die():
        raise MemoryError

    batcher._max_rows = die
    tasks = [core.begin(value) for value in range(5)]
    assert kinds(await outcomes(*tasks)) == [InternalError] * 5
    del batcher._max_rows
    assert await core.ask(7) == [14]


@core_test
async def test_all_callers_fail_when_a_computation_is_cancelled(core):
    tasks = [core.begin(1, 2), core.begin(2)]
    await turns(2)
    for task in core.single_flight._in_flight._tasks:
        task.cancel()
    assert kinds(await outcomes(*tasks)) == [InternalError] * 2


@core_test
async def test_an_answer_that_can_not_be_stored_is_still_returned(core):
    def full(items, *, ttl_s):
        raise MemoryError

    core.cache.keep = full
    assert await outcomes(core.begin(1), core.begin(1)) == [[2], [2]]


@core_test
async def test_a_model_that_raises_system_exit_or_stop_iteration_fails_only_its_question(core):
    core.model.refuse = refuse_by(SystemExit(3))
    assert kinds(await outcomes(core.begin(1), core.begin(2))) == [InternalError] * 2
    core.model.refuse = refuse_by(StopIteration())
    assert kinds(await outcomes(core.begin(1), core.begin(2))) == [InternalError] * 2


@core_test
async def test_a_call_that_hangs_is_not_retried_and_ends_at_its_waiters_deadlines(core):
    core.model.takes_s = math.inf
    tasks = [core.begin(value) for value in range(11)]
    results = await outcomes(*tasks)
    assert kinds(results) == [ScoringTimeout] * 11
    assert core.loop.time() <= 1.1 * TIMEOUT_S
    assert len(core.model.calls) <= 2


@core_test
async def test_requests_queued_behind_a_slow_call_end_at_their_own_deadlines(core):
    core.model.takes_s = 50.0
    first = core.begin(0)
    await asyncio.sleep(1)

    async def one(value: int, within_s: float) -> tuple[type, float]:
        began = core.loop.time()
        (error,) = await outcomes(core.begin(value, within_s=within_s))
        return type(error), core.loop.time() - began

    told = await asyncio.gather(*(one(value, 3.0 * value) for value in range(1, 11)))
    assert [kind for kind, _ in told] == [Overloaded] * 10
    assert all(3 * n <= after <= 3.3 * n for n, (_, after) in enumerate(told, 1))
    assert await first == [0]
    assert core.model.calls == [[0]]


@core_test
async def test_the_model_is_not_called_for_callers_that_left_before_it_began(core):
    first = core.begin(0)
    await turns()
    left = [core.begin(value) for value in (1, 2)]
    await turns()
    left[0].cancel()
    stays = core.begin(2)
    await turns()
    left[1].cancel()
    assert await outcomes(first, stays) == [[0], [4]]
    assert core.model.calls == [[0], [2]]


@core_test
async def test_a_row_that_all_callers_left_is_computed_anew_for_the_next_caller(core):
    first = core.begin(0)
    await turns()
    left = core.begin(1)
    await turns()
    left.cancel()
    await turns(1)
    assert await outcomes(first, core.begin(1)) == [[0], [2]]


@core_test
async def test_a_computation_lasts_until_the_last_deadline_of_its_callers(core):
    core.model.takes_s = 10.0
    first = core.begin(0)
    await turns()
    short, long = core.begin(1, within_s=5), core.begin(1, within_s=30)
    assert kinds(await outcomes(short)) == [Overloaded]
    assert await outcomes(first, long) == [[0], [2]]


@pytest.mark.parametrize("count", [2, 3, 5, 16, 100, 512])
def test_one_bad_row_among_n_questions_costs_4_log2_n_calls_at_most(count):
    @core_test
    async def test(core):
        first = core.begin(1000)
        await turns()
        values = [BAD, *range(2000, 2000 + count - 1)]
        results = await outcomes(first, *(core.begin(value) for value in values))
        assert kinds(results) == [list, ScriptFailed, *[list] * (count - 1)]
        assert len(core.model.calls) - 1 <= max(3, 4 * math.log2(count))

    test()


@core_test
async def test_n_bad_questions_cost_2_n_calls_at_most(core):
    core.model.refuse, core.model.takes_s = refuse_by(ScriptFailed("ValueError")), 0.01
    results = await outcomes(*(core.begin(value) for value in range(100)))
    assert kinds(results) == [ScriptFailed] * 100
    assert len(core.model.calls) <= 200


@core_test
async def test_equal_refused_questions_at_once_cost_one_call_of_each_row_at_most(core):
    values = (*range(100, 2099), BAD)
    results = await outcomes(*(core.begin(*values) for _ in range(3)))
    assert kinds(results) == [ScriptFailed] * 3
    assert sum(map(len, core.model.calls)) <= 3 * len(values)


@core_test
async def test_rows_shared_with_a_refused_question_are_retried_together_and_once(core):
    shared = range(100, 600)
    bad = core.begin(*shared, BAD)
    await turns(1)
    good = core.begin(*shared, 7)
    results = await outcomes(bad, good)
    assert kinds(results) == [ScriptFailed, list]
    assert results[1] == [2 * value for value in (*shared, 7)]
    calls = Counter(value for call in core.model.calls for value in call)
    assert max(calls.values()) <= 2


@core_test
async def test_rows_shared_with_a_question_that_hangs_are_not_retried(core):
    core.model.takes_s = math.inf
    results = await outcomes(core.begin(1, 2), core.begin(2, within_s=math.inf))
    assert kinds(results) == [ScoringTimeout] * 2
    assert len(core.model.calls) == 1


class Shared(MemoryCache):
    """A cache that other processes use too."""

    def __init__(self, loop) -> None:
        super().__init__(clock=loop.time)
        self.hangs = False

    async def flush(self) -> None:
        if self.hangs:
            await asyncio.Event().wait()


@core_test
async def test_no_caller_waits_for_a_store_that_hangs(core):
    core.cache = core.single_flight._cache = shared = Shared(core.loop)
    core.single_flight.unit_s, shared.hangs = 1.0, True
    assert await core.ask(1, lease=True) == [2]
    assert core.loop.time() <= 1.01
    await asyncio.sleep(2)  # by then it gives up


@core_test
async def test_closing_ends_calls_that_hang_and_fails_their_waiters(core):
    core.model.running = []
    core.cache = core.single_flight._cache = Shared(core.loop)
    tasks = [core.begin(value, within_s=math.inf) for value in range(3)]
    await turns()
    began = core.loop.time()
    await core.single_flight.close(3)
    assert core.loop.time() - began <= 12
    assert kinds(await outcomes(*tasks)) == [InternalError] * 3
