"""In whatever order callers come and leave, and calls answer, fail and hang: every caller gets the
right outcome, and nothing stays registered.
"""

import asyncio

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from inference.errors import ScoringError, ScoringTimeout, ScriptFailed, TransientError
from tests.inference.serving.virtual import BAD, Core, Model, VirtualLoop, turns

VALUES = st.sampled_from([*range(6), BAD])


class Waiting(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner(loop_factory=VirtualLoop)
        self.runner.run(self._make())
        self.asked: list[tuple[list[int], float, asyncio.Task[list[int]]]] = []

    async def _make(self) -> None:
        self.core = Core(Model())
        self.core.model.running = []

    def _do(self, *, seconds: float = 0.0) -> None:
        async def pass_time() -> None:
            await asyncio.sleep(seconds)
            await turns()

        self.runner.run(pass_time())

    @property
    def running(self) -> list[asyncio.Future[None]]:
        return [each for each in self.core.model.running or () if not each.done()]

    @rule(values=st.lists(VALUES, min_size=1, max_size=4), within_s=st.sampled_from([2, 9, 1e9]))
    def ask(self, values, within_s):
        async def begin() -> asyncio.Task[list[int]]:
            return self.core.begin(*values, within_s=within_s)

        deadline = self.core.loop.time() + within_s
        self.asked.append((values, deadline, self.runner.run(begin())))

    @rule()
    def let_it_work(self):
        self._do()

    @rule(seconds=st.sampled_from([0.5, 3, 20]))
    def wait(self, seconds):
        self._do(seconds=seconds)

    @precondition(lambda self: self.asked)
    @rule(data=st.data())
    def leave(self, data):
        data.draw(st.sampled_from(self.asked))[2].cancel()

    @precondition(lambda self: self.running)
    @rule(error=st.sampled_from([None, ScriptFailed("x"), ScoringTimeout("x"), RuntimeError()]))
    def end_a_call(self, error):
        call = self.running[0]
        if error is None:
            call.set_result(None)
        else:
            call.set_exception(error)

    @precondition(lambda self: self.core.caller._batcher._task)
    @rule()
    def cancel_the_batching_task(self):
        self.core.caller._batcher._task.cancel()

    @precondition(lambda self: self.core.single_flight._in_flight._tasks)
    @rule()
    def cancel_a_computation(self):
        # The oldest, for a set has another order every time.
        min(
            self.core.single_flight._in_flight._tasks, key=lambda task: int(task.get_name()[5:])
        ).cancel()

    @invariant()
    def nobody_waits_longer_than_0_2_s_beyond_its_deadline(self):
        now = self.core.loop.time()
        for _, deadline, task in self.asked:
            assert task.done() or now <= deadline + 0.2

    def teardown(self):
        for _ in range(1000):
            self._do()
            if self.core.is_at_rest():
                break
            for call in self.running:
                call.set_result(None)
        assert self.core.is_at_rest()
        for values, _, task in self.asked:
            assert task.done()
            if task.cancelled():
                continue
            if (error := task.exception()) is None:
                assert task.result() == [2 * value for value in values]
                assert BAD not in values
            else:
                assert isinstance(error, ScoringError | TransientError)
        assert self.core.deadlines._tasks == {}
        self.runner.close()


TestWaiting = Waiting.TestCase
TestWaiting.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
