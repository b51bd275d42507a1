"""Batches rows: those that arrive while the model works are predicted together in its next call.

Rows are never held back to fill a batch. An idle model begins as soon as the requests that have
arrived are read.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from functools import partial

from inference.errors import InternalError, ResultUnserialisable, is_row_specific
from inference.scripts.question import RowQuestion, Script
from inference.serving.batch_queue import BatchQueue, Waiter
from inference.serving.call_times import CallTimes
from inference.serving.deadlines import Wait
from inference.serving.model_thread import ModelThread
from inference.tracing import spans

log = logging.getLogger(__name__)

#: Rows in one call for several waiters. With more a row gets no cheaper, and each waits longer.
MAX_ROWS = 512

#: A call for several waiters should take at most this share of the scoring timeout, so that the
#: waiters behind it still have time.
CALL_SHARE = 0.1

#: Turns of the event loop without an arrival that end assembling: in the first one clients get
#: the last answers, in the next one their new requests are read.
QUIET_TURNS = 2
#: Seconds that arrivals may delay the rows that wait already.
ASSEMBLE_S = 0.01

#: After so many batches of a single waiter each, requests are taken to come one at a time.
ALONE_AFTER = 16

#: Seconds. A call that takes less runs on the event loop: handing it to the model thread takes
#: 0.1 ms, or 5 ms while the event loop is busy. Reading a JSON body on the loop may take as long.
INLINE_S = 0.001


class Batcher:
    """Predicts rows, in one call for several waiters where possible. For one event loop.

    Cancelling a waiter affects no other waiter.
    """

    def __init__(self, thread: ModelThread, script: Script) -> None:
        self._thread, self._script = thread, script
        self._queue = BatchQueue()
        #: The waiters whose rows are being predicted.
        self._batch: Sequence[Waiter] = ()
        #: Serves the queue until it is empty.
        self._task: asyncio.Task[None] | None = None
        #: How many of the last batches had a single waiter, without one of several among them.
        self._singles = 1
        #: Whether a request has been answered at once in this turn of the event loop.
        self._turn_is_taken = False
        #: How many rows are queued or being predicted.
        self.rows = 0
        self.call_times = CallTimes()

    def __repr__(self) -> str:
        return f"<Batcher {len(self._queue)} queued, {self.call_times!r}>"

    async def predict(self, question: RowQuestion, *, wait: Wait) -> list[bytes]:
        """The answer to each row. Raises ScoringError, and what the script raised.

        Sets `wait.begun` once the model begins. The caller ends the wait.
        """
        self._thread.require_room(len(self._queue))
        if self._task is not None and self._task.done():
            self._task_ended(self._task)  # its callback comes later, or never after a closed loop
        if self._turn_is_taken:
            self._singles = min(self._singles, 1)
        rows = len(question)
        if self._may_answer_at_once(rows):
            return self._answer_at_once(question, rows)
        outcome: asyncio.Future[list[bytes]] = asyncio.get_running_loop().create_future()
        span = spans.begin_wait()
        self._queue.add(Waiter(question, outcome, wait, rows, span))
        if self._task is None:
            self._start()
        self.rows += rows
        try:
            return await outcome
        finally:
            self.rows -= rows
            if span is not None:
                span.end()

    async def close(self, within_s: float) -> None:
        """Wait until the queue is empty. After `within_s` seconds fail those who still wait."""
        if self._task is None:
            return
        _, late = await asyncio.wait([self._task], timeout=within_s)
        for task in late:
            task.cancel()
            await asyncio.wait([task], timeout=within_s)

    def _may_answer_at_once(self, rows: int) -> bool:
        """Whether no other request is likely to come before this one is predicted.

        Then a task and a future would only take time.
        """
        return self._task is None and self._singles >= ALONE_AFTER and self._is_quick(rows)

    def _answer_at_once(self, question: RowQuestion, rows: int) -> list[bytes]:
        self._turn_is_taken = True
        asyncio.get_running_loop().call_soon(self._end_turn)
        try:
            call: Callable[[], list[bytes]] = partial(self._script.run_rows, question)
            if (recorder := spans.recorder) is not None:
                waits = [recorder.model_calls.begin_wait()]
                call = recorder.model_calls.traced(call, waits, rows=rows)
            return self._call_inline(call, rows)
        except SystemExit as error:
            raise InternalError(type(error).__name__) from None

    def _end_turn(self) -> None:
        self._turn_is_taken = False

    def _is_quick(self, rows: int) -> bool:
        """Whether a call may run on the event loop."""
        return self._script.library_only and self.call_times.is_below(INLINE_S, rows=rows)

    def _call_inline(self, run: Callable[[], list[bytes]], rows: int) -> list[bytes]:
        call = partial(self.call_times.measure, rows, run)
        answers = self._thread.run_inline(call, rows=rows)
        require_one_per_row(len(answers), rows=rows)
        return answers

    def _start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._serve())
        # Not a `finally` in the task: one that is cancelled before its first step never runs.
        self._task.add_done_callback(self._task_ended)

    async def _serve(self) -> None:
        while self._queue:
            # A single waiter is most likely followed by a single one: it need not be delayed.
            if not self._singles:
                await self._assemble()
            self._batch = self._queue.take_batch(self._max_rows())
            self._singles = 0 if len(self._batch) > 1 else self._singles + 1
            await self._answer(self._batch)
            self._batch = ()

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        """Fail all waiters if the task failed. Otherwise there are none: it serves until then."""
        if self._task is not task:  # it was seen before
            return
        self._task = None
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        if error is not None:
            log.error("%s while batches were served", type(error).__name__)
            for waiter in (*self._batch, *self._queue.take_all()):
                waiter.fail(InternalError(type(error).__name__))
            self._batch = ()

    async def _assemble(self) -> None:
        """Let the event loop read the requests that have arrived, until there are no more.

        Reading them while the model works would slow down both: they share the interpreter.
        """
        clock = asyncio.get_running_loop().time
        until = clock() + ASSEMBLE_S
        quiet = 0
        while quiet < QUIET_TURNS and len(self._queue) < MAX_ROWS and clock() < until:
            waiting = len(self._queue)
            await asyncio.sleep(0)
            quiet = quiet + 1 if len(self._queue) == waiting else 0

    def _max_rows(self) -> int:
        """Of a call for several waiters."""
        if not self.call_times.row_s:
            return MAX_ROWS
        return min(MAX_ROWS, int(CALL_SHARE * self._thread.timeout_s / self.call_times.row_s))

    async def _answer(self, batch: Sequence[Waiter]) -> None:
        batch = [waiter for waiter in batch if not waiter.outcome.done()]
        if not batch:
            return
        try:
            answers = await self._call_model(batch)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - it is each waiter's outcome
            await self._fail(batch, error)
            return
        start = 0
        for waiter in batch:
            end = start + waiter.rows
            if not waiter.outcome.done():
                waiter.outcome.set_result(answers[start:end])
            start = end

    async def _call_model(self, batch: Sequence[Waiter]) -> list[bytes]:
        first, *others = batch
        question = first.question
        if others:
            question = question.join([waiter.question for waiter in others])
        rows = len(question)
        run: Callable[[], list[bytes]] = partial(self._script.run_rows, question)
        if (recorder := spans.recorder) is not None:
            waits = [waiter.span for waiter in batch if waiter.span is not None]
            run = recorder.model_calls.traced(run, waits, rows=rows)
        if self._is_quick(rows):
            return self._call_inline(run, rows)
        call = partial(self.call_times.measure, rows, run)
        answers = await self._thread.run(call, rows=rows, waits=[waiter.wait for waiter in batch])
        require_one_per_row(len(answers), rows=rows)  # or waiters get answers of each other
        return answers

    async def _fail(self, batch: Sequence[Waiter], error: BaseException) -> None:
        """Fail the waiters whose rows the model refused, and answer the others.

        It tries each half again: n waiters take 2 n calls at most, one bad one among them
        2 log2 n. An error that isn't row specific would come again, so it is not tried again.
        """
        if len(batch) > 1 and is_row_specific(error):
            middle = len(batch) // 2
            await self._answer(batch[:middle])
            await self._answer(batch[middle:])
            return
        for waiter in batch:
            waiter.fail(error)


def require_one_per_row(answers: int, *, rows: int) -> None:
    """Raises ResultUnserialisable."""
    if answers != rows:
        raise ResultUnserialisable(
            f"the model must return one answer per row; rows: {rows:,}, answers: {answers:,}"
        )
