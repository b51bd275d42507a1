"""A model is loaded once, on request or after a head start, and each waiter gets the outcome."""

import asyncio
import threading
from collections.abc import Callable
from itertools import pairwise
from typing import Any, cast

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from inference.counters.counts import Counts
from inference.errors import ModelUnavailable, Overloaded
from inference.scripts import Script
from inference.serving.loading import HEAD_START_S, LoadState, ModelLoader
from inference.serving.model_thread import ModelThread
from tests.inference.serving.virtual import VirtualLoop, run, turns

TRANSITIONS = {
    (LoadState.STARTING, LoadState.UNLOADED),
    (LoadState.STARTING, LoadState.LOADING),  # where it was requested before
    (LoadState.STARTING, LoadState.FAILED),
    (LoadState.UNLOADED, LoadState.LOADING),
    (LoadState.LOADING, LoadState.READY),
    (LoadState.LOADING, LoadState.FAILED),
}
BUILT = (LoadState.UNLOADED, LoadState.LOADING, LoadState.READY)


class FakeScript:
    """A script whose loading ends as the test says."""

    def __init__(self) -> None:
        self.error: BaseException | None = None

    def load(self) -> None:
        if self.error is not None:
            raise self.error


class Bench:
    """A loader whose jobs the test runs, on a virtual clock."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        #: Those that the model thread would run next.
        self.jobs: list[Callable[[], object]] = []
        self.script = FakeScript()
        self.build_error: BaseException | None = None
        self.loader = ModelLoader("m", self._build, self.jobs.append, timer=self._timer)

    def _build(self) -> Script:
        if self.build_error is not None:
            raise self.build_error
        return cast(Script, self.script)

    def _timer(self, seconds: float, call: Callable[[], object]) -> Any:
        return LoopTimer(self.loop, seconds, call)

    async def run_job(self) -> None:
        self.jobs.pop(0)()
        await turns()


class LoopTimer:
    def __init__(
        self, loop: asyncio.AbstractEventLoop, seconds: float, call: Callable[[], object]
    ) -> None:
        self._loop, self._seconds, self._call = loop, seconds, call
        self._handle: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._handle = self._loop.call_later(self._seconds, self._call)

    def cancel(self) -> None:
        if self._handle is not None:
            self._handle.cancel()


class Loading(RuleBasedStateMachine):
    """In whatever order waiters come, leave and time out, and jobs run, succeed and fail."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner(loop_factory=VirtualLoop)
        self.bench = self.runner.run(self._make())
        self.seen = [LoadState.STARTING]
        #: For whom a waiter waits: `built` or `ready`, and until when.
        self.waiters: list[tuple[str, float, asyncio.Task[Any]]] = []
        self.load_requested = False
        self.loop_errors: list[dict[str, Any]] = []
        self.bench.loop.set_exception_handler(lambda _, context: self.loop_errors.append(context))

    async def _make(self) -> Bench:
        return Bench()

    def _run(self, *, seconds: float = 0.0) -> None:
        async def pass_time() -> None:
            await asyncio.sleep(seconds)
            await turns()

        self.runner.run(pass_time())
        if self.bench.loop.time() >= HEAD_START_S:
            self.load_requested = True
        self._see()

    def _see(self) -> None:
        if self.seen[-1] is not self.state:
            self.seen.append(self.state)

    @property
    def state(self) -> LoadState:
        return self.bench.loader.state

    @rule(what=st.sampled_from(["built", "ready"]), timeout_s=st.sampled_from([0.2, 5.0, 1e9]))
    def wait_for(self, what, timeout_s):
        async def begin() -> asyncio.Task[Any]:
            loader = self.bench.loader
            wait = loader.wait_until_built if what == "built" else loader.wait_until_ready
            return asyncio.create_task(wait(timeout_s))

        deadline = self.bench.loop.time() + timeout_s
        self.waiters.append((what, deadline, self.runner.run(begin())))
        self.load_requested = self.load_requested or what == "ready"
        self._run()

    @rule()
    def request_loading(self):
        self.bench.loader.load()
        self.load_requested = True
        self._run()

    @rule(seconds=st.sampled_from([0.1, 1.0, 10.0]))
    def pass_time(self, seconds):
        self._run(seconds=seconds)

    @precondition(lambda self: any(not task.done() for *_, task in self.waiters))
    @rule(data=st.data())
    def cancel_a_waiter(self, data):
        before = self.state
        waiting = [task for *_, task in self.waiters if not task.done()]
        task = data.draw(st.sampled_from(waiting))
        task.cancel()
        self._run()
        assert task.cancelled()
        assert self.state is before

    @precondition(lambda self: self.bench.jobs)
    @rule(
        error=st.sampled_from([None, None, None, ModelUnavailable("x"), KeyError(), SystemExit()])
    )
    def run_a_job(self, error):
        self.bench.build_error = self.bench.script.error = error
        job = self.bench.jobs.pop(0)
        job()
        self._see()
        self._run()

    @invariant()
    def states_follow_the_diagram(self):
        assert set(pairwise(self.seen)) <= TRANSITIONS

    @invariant()
    def a_requested_load_begins_as_soon_as_the_script_is_built(self):
        assert not (self.load_requested and self.state is LoadState.UNLOADED)

    @invariant()
    def nothing_is_loaded_without_a_request(self):
        assert self.load_requested or self.state not in (LoadState.LOADING, LoadState.READY)

    @invariant()
    def every_job_has_a_state_and_every_state_its_job(self):
        running = self.state in (LoadState.STARTING, LoadState.LOADING)
        assert len(self.bench.jobs) == int(running)
        assert (self.bench.loader.ready is not None) == (self.state is LoadState.READY)

    @invariant()
    def no_waiter_is_kept_after_it_left(self):
        waiting = [task for *_, task in self.waiters if not task.done()]
        assert len(self.bench.loader._waiters) == len(waiting)
        assert self.loop_errors == []

    @invariant()
    def a_waiter_is_answered_when_its_state_is_reached_and_no_later_than_its_deadline(self):
        now = self.bench.loop.time()
        for what, deadline, task in self.waiters:
            ended = self.state in (LoadState.READY, LoadState.FAILED)
            built = what == "built" and self.state in BUILT
            if ended or built or now > deadline:
                assert task.done()
            if not task.done() or task.cancelled():
                continue
            if (error := task.exception()) is None:
                assert task.result() is self.bench.script
            elif isinstance(error, ModelUnavailable):
                assert self.state is LoadState.FAILED
            else:
                assert isinstance(error, Overloaded)
                assert now >= deadline

    def teardown(self):
        self.bench.build_error = self.bench.script.error = None
        for _ in range(2):
            while self.bench.jobs:
                self.bench.jobs.pop(0)()
            self._run(seconds=HEAD_START_S)
        assert self.state in (LoadState.READY, LoadState.FAILED)
        assert all(task.done() for *_, task in self.waiters)
        assert not self.bench.loader._waiters
        self.runner.close()


TestLoading = Loading.TestCase
TestLoading.settings = settings(max_examples=100, stateful_step_count=25, deadline=None)


def test_a_failure_is_told_to_each_waiter_in_an_error_of_its_own():
    async def test() -> None:
        bench = Bench()
        bench.build_error = ModelUnavailable("no model file")
        tasks = [asyncio.create_task(bench.loader.wait_until_ready(9)) for _ in range(2)]
        await turns()
        await bench.run_job()
        first, second = await asyncio.gather(*tasks, return_exceptions=True)
        assert str(first) == str(second) == "no model file"
        assert first is not second

    run(test())


def test_a_waiter_may_be_cancelled_as_it_is_woken():
    async def test() -> None:
        bench, errors = Bench(), []
        bench.loop.set_exception_handler(lambda _, context: errors.append(context))
        task = asyncio.create_task(bench.loader.wait_until_built(9))
        await turns()
        bench.jobs.pop(0)()
        task.cancel()
        await turns()
        assert task.cancelled()
        assert errors == []

    run(test())


def test_a_closed_loader_loads_only_on_request():
    async def test() -> None:
        bench = Bench()
        await bench.run_job()
        bench.loader.close()
        await asyncio.sleep(2 * HEAD_START_S)
        assert repr(bench.loader) == "<ModelLoader m UNLOADED>"
        bench.loader.load()
        assert repr(bench.loader) == "<ModelLoader m LOADING>"

    run(test())


def test_a_state_can_not_be_skipped():
    async def test() -> None:
        loader = Bench().loader
        with pytest.raises(RuntimeError, match="STARTING is not followed by READY"):
            loader._enter(LoadState.READY)

    run(test())


async def test_waiters_are_woken_from_the_model_thread():
    thread = ModelThread(timeout_s=5, counts=Counts())
    script, release = FakeScript(), threading.Event()

    def build() -> Script:
        release.wait(5)
        return cast(Script, script)

    loader = ModelLoader("m", build, thread.submit)
    waiting = [asyncio.create_task(loader.wait_until_ready(5)) for _ in range(10)]
    await asyncio.sleep(0)
    release.set()
    assert await asyncio.gather(*waiting) == [script] * 10
    thread.close()
