"""A request ends at its deadline in every phase: with the real scorer and real threads."""

import asyncio
import threading
import time

import pytest

from cache.memory_cache import MemoryCache
from inference.errors import InternalError, Overloaded, ScoringTimeout
from inference.serving import scorer as scorer_module
from tests.inference.serving.test_scorer import ROWS

TIMEOUT_S = 0.3


@pytest.fixture
async def scorer(model_dir, make_scorer):
    scorer = make_scorer(model_dir, SCORING_TIMEOUT_S=str(TIMEOUT_S), CACHE_MODE="always")
    await scorer.script()
    return scorer


@pytest.fixture
def hang():
    """An event that ends the threads waiting for it."""
    event = threading.Event()
    yield event
    event.set()


async def failure(scorer, request) -> tuple[type, float]:
    began = time.monotonic()
    with pytest.raises((Overloaded, ScoringTimeout)) as caught:
        await scorer.score(request)
    return caught.type, time.monotonic() - began


async def test_the_deadline_covers_reading_a_body(scorer, request_of, hang):
    script = await scorer.script()
    script.parse = lambda _: hang.wait(10)
    kind, after = await failure(scorer, request_of(b"[" + ROWS * 20_000 + b"]"))
    assert kind is Overloaded
    assert TIMEOUT_S <= after < 1.1 * TIMEOUT_S + 0.1


async def test_the_deadline_covers_a_lookup(model_dir, make_scorer, request_of):
    cache = MemoryCache()
    cache.remote = True
    cache.peek = lambda _: None
    cache.get_many = lambda _: asyncio.Event().wait()
    scorer = make_scorer(model_dir, cache, SCORING_TIMEOUT_S=str(TIMEOUT_S), CACHE_MODE="always")
    await scorer.script()
    kind, after = await failure(scorer, request_of(ROWS))
    assert kind is Overloaded
    assert TIMEOUT_S <= after < 1.1 * TIMEOUT_S + 0.1


async def test_a_deadline_counts_from_when_the_request_arrived(scorer, request_of, hang):
    script = await scorer.script()
    script.run_rows = lambda _: hang.wait(10)
    _, after = await failure(scorer, request_of(ROWS, deadline=time.monotonic() + 0.1))
    assert after < 0.25


async def test_equal_requests_behind_a_call_that_hangs_cost_one_thread(scorer, request_of, hang):
    script = await scorer.script()
    script.run_rows = lambda _: hang.wait(10)
    kinds = await asyncio.gather(*(failure(scorer, request_of(ROWS)) for _ in range(20)))
    assert {kind for kind, _ in kinds} == {ScoringTimeout}
    threads = [each for each in threading.enumerate() if each.name == "model"]
    assert len(threads) <= 2


async def test_a_hanging_call_is_noticed_after_its_waiter_left(scorer, request_of, hang):
    thread = scorer._thread
    first = asyncio.create_task(thread.run(lambda: hang.wait(10)))
    await asyncio.sleep(0.05)
    first.cancel()
    began = time.monotonic()
    assert await thread.run(lambda: 1) == 1
    assert time.monotonic() - began < 2 * TIMEOUT_S


async def test_a_result_that_did_not_reach_the_event_loop_is_found(scorer, monkeypatch):
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(loop, "call_soon_threadsafe", lambda *_: None)
    assert await scorer._thread.run(lambda: 7) == 7
    assert scorer._thread.failure is None
    assert not scorer._thread._hung._threads


async def test_the_cancellation_of_what_a_request_awaits_is_an_internal_error(scorer, request_of):
    async def cancelled(*_, **__):
        raise asyncio.CancelledError

    scorer._predictor_of(await scorer.script())._model.call = cancelled
    with pytest.raises(InternalError):
        await scorer.score(request_of(ROWS))


async def test_closing_returns_though_a_call_hangs_and_refuses_new_calls(
    scorer, request_of, hang, monkeypatch
):
    monkeypatch.setattr(scorer_module, "CLOSE_S", 0.1)
    script = await scorer.script()
    script.run_rows = lambda _: hang.wait(10)
    asking = asyncio.create_task(scorer.score(request_of(ROWS, deadline=float("inf"))))
    await asyncio.sleep(0.05)
    began = time.monotonic()
    await scorer.close()
    assert time.monotonic() - began < 1
    with pytest.raises((InternalError, ScoringTimeout)):
        await asking
    with pytest.raises(Overloaded, match="stopping"):
        await scorer.score(request_of(ROWS + b" "))


async def test_the_traceback_of_a_shared_error_does_not_grow(scorer, request_of, hang):
    script = await scorer.script()

    def refuse(_):
        hang.wait(0.1)
        raise ValueError

    script.run_rows = refuse
    errors = await asyncio.gather(
        *(scorer.score(request_of(ROWS)) for _ in range(50)), return_exceptions=True
    )
    frames, trace = 0, errors[-1].__cause__.__traceback__
    while trace is not None:
        frames, trace = frames + 1, trace.tb_next
    assert frames < 30
