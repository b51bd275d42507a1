"""Calls the model for questions: for rows together with others that wait, else for each alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from inference.errors import InternalError
from inference.scripts.question import Question, Reply, RowQuestion, Script
from inference.serving import admission
from inference.serving.batching import Batcher
from inference.serving.call_times import CallTimes
from inference.serving.computation import Units
from inference.serving.deadlines import Wait
from inference.serving.model_thread import ModelThread
from inference.serving.off_loop import CALL_ROWS, in_pieces


class ModelCaller:
    """Calls the model of one script. For one event loop.

    `load` returns once the script can answer; it is awaited before the first call.
    """

    def __init__(
        self, script: Script, *, thread: ModelThread, load: Callable[[], Awaitable[object]]
    ) -> None:
        self._script, self._thread, self._load = script, thread, load
        self._is_loaded = False
        self._batcher = Batcher(thread, script)
        #: Of questions that are answered as a whole.
        self._call_times = CallTimes()

    def __repr__(self) -> str:
        return f"<ModelCaller {self._batcher!r}>"

    @property
    def row_s(self) -> float:
        """Seconds that the model takes for a row, lately; 0 until one was answered."""
        return self._batcher.call_times.row_s

    async def call(self, question: Question | RowQuestion, *, wait: Wait) -> Units | Reply:
        """The model's answer. Raises ScoringError, and what a script raised.

        Sets `wait.begun` once the model begins. The caller ends the wait.
        """
        if not self._is_loaded:
            await self._load()
            self._is_loaded = True
        if not isinstance(question, Question):
            self.require_time(question, len(question), wait)
            return await self._batcher.predict(question, wait=wait)
        self.require_time(question, 1, wait)
        run = partial(self._call_times.measure, 1, partial(self._script.run, question))
        outcome = await self._thread.run(run, rows=question.rows, waits=(wait,))
        return outcome if isinstance(outcome, Reply) else [outcome]

    async def call_in_pieces(
        self,
        question: RowQuestion,
        *,
        wait: Wait,
        abandoned: Callable[[], bool] = lambda: False,
    ) -> Units:
        """As `call`, CALL_ROWS rows a call. Stops and returns fewer answers once `abandoned`."""
        units: Units = []
        async for rows in in_pieces(len(question), CALL_ROWS):
            outcome = await self.call(question.take(rows), wait=wait)
            if isinstance(outcome, Reply):
                raise InternalError("a reply to rows")
            units += outcome
            if abandoned():
                break
        return units

    def require_time(self, question: Question | RowQuestion, units: int, wait: Wait) -> None:
        """Raises Overloaded where the answer to `units` of it would most likely come too late."""
        if isinstance(question, Question):
            before, unit_s = self._thread.waiting, self._call_times.row_s
        else:
            before, unit_s = self._batcher.rows, self.row_s
        admission.require_time(units, before=before, unit_s=unit_s, wait=wait)

    async def close(self, within_s: float) -> None:
        """Let calls end, for so many seconds; then fail those who still wait."""
        await self._batcher.close(within_s)
