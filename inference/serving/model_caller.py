"""Calls the model for questions: for rows together with others that wait, else for each alone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from inference.scripts.question import Question, Reply, RowQuestion, Script
from inference.serving import admission
from inference.serving.batching import Batcher
from inference.serving.call_pace import MIN_ROWS
from inference.serving.call_times import CallTimes
from inference.serving.computation import Units
from inference.serving.deadlines import Wait
from inference.serving.model_thread import ModelThread
from inference.tracing import spans


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
        if not isinstance(question, Question):
            return await self.call_rows(question, wait=wait)
        await self._require_loaded()
        self.require_time(question, 1, wait)
        run: Callable[[], bytes | Reply] = partial(self._script.run, question)
        if (recorder := spans.recorder) is not None:
            waits = [recorder.model_calls.begin_wait()]
            run = recorder.model_calls.traced(run, waits, rows=question.rows)
        run = partial(self._call_times.measure, 1, run)
        outcome = await self._thread.run(run, rows=question.rows, waits=(wait,))
        return outcome if isinstance(outcome, Reply) else [outcome]

    async def call_rows(
        self, question: RowQuestion, *, wait: Wait, abandoned: Callable[[], bool] = lambda: False
    ) -> Units:
        """As `call`. Many rows take several calls, and other questions' calls run in between.

        Returns fewer answers than rows once the question is `abandoned`.
        """
        await self._require_loaded()
        count, pace = len(question), self._batcher.call_times.pace
        self.require_time(question, count, wait)
        if count <= MIN_ROWS or count <= pace.rows:
            return await self._batcher.predict(question, wait=wait)
        units: Units = []
        while len(units) < count and not (units and abandoned()):
            piece = range(len(units), min(len(units) + pace.rows, count))
            units += await self._batcher.predict(question.take(piece), wait=wait)
            await asyncio.sleep(0)
        return units

    async def _require_loaded(self) -> None:
        if not self._is_loaded:
            await self._load()
            self._is_loaded = True

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
