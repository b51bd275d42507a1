"""Rows that wait while the model works are predicted together next.

Nothing is held back to wait for company: an idle model begins as soon as all that has arrived by
then is read. While it works, what comes in stands in line; then the head of the line goes in
together, up to MAX_ROWS, in order of arrival, as far as its rows are of one dtype and shape.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from functools import partial
from itertools import islice
from typing import NamedTuple

from inference.errors import InternalError, ResultUnserialisable, TransientError, is_row_specific
from inference.scripts.question import RowQuestion, Script
from inference.serving.call_times import CallTimes
from inference.serving.deadlines import Wait
from inference.serving.model_thread import ModelThread

log = logging.getLogger(__name__)

#: In one call. Beyond this a row gains nothing from more company, and its neighbours wait longer.
MAX_ROWS = 512

#: Of the time that a call has, as much as one for several waiters takes, most likely. A longer one
#: would be over too late for who had to wait for it.
CALL_SHARE = 0.1

#: The first turn sends the answers just made, the next one reads what they made room for.
QUIET_TURNS = 2
#: Seconds that requests which keep coming may hold up those that are there.
ASSEMBLE_S = 0.01

#: Seconds. What the model answers in less it answers on the event loop: the way to its thread and
#: back takes 0.1 ms, or 5 while the loop is busy. Reading a body of JSON there may take as long.
INLINE_S = 0.001


class _Waiter(NamedTuple):
    question: RowQuestion
    outcome: asyncio.Future[list[bytes]]
    wait: Wait

    def tell(self, error: BaseException) -> None:
        """An error that others are told too is theirs in a copy: each adds its own traceback."""
        if self.outcome.done():
            return
        if isinstance(error, TransientError):
            self.outcome.set_exception(type(error)(error.message))
        elif isinstance(error, Exception) and not isinstance(error, StopIteration):
            self.outcome.set_exception(error)
        else:  # what a future refuses, or would end the event loop
            self.outcome.set_exception(InternalError(type(error).__name__))


class Batcher:
    """Asks the model for rows, each waiter's in one call with others that wait.

    A waiter that is cancelled leaves alone. For one event loop.
    """

    def __init__(self, thread: ModelThread, script: Script) -> None:
        self._thread, self._script = thread, script
        self._line: deque[_Waiter] = deque()
        #: Who is being answered.
        self._batch: Sequence[_Waiter] = ()
        self._serving: asyncio.Task[None] | None = None
        self._in_company = False
        #: In line, and being predicted.
        self.rows = 0
        self.call_times = CallTimes()

    def __repr__(self) -> str:
        return f"<Batcher {len(self._line)} in line, {self.call_times!r}>"

    async def predict(self, question: RowQuestion, *, wait: Wait) -> list[bytes]:
        """The answer to each row. Raises ScoringError, and what the script raised.

        Sets `wait.begun` once the model begins. The caller ends the wait.
        """
        self._thread.require_room(len(self._line))
        if self._serving is not None and self._serving.done():
            self._served(self._serving)  # it is told of later, or never where its loop is gone
        outcome: asyncio.Future[list[bytes]] = asyncio.get_running_loop().create_future()
        self._line.append(_Waiter(question, outcome, wait))
        if self._serving is None:
            self._serve_on()
        self.rows += len(question)
        try:
            return await outcome
        finally:
            self.rows -= len(question)

    async def close(self, within_s: float) -> None:
        """Wait until the line is empty; after so many seconds, tell who still waits."""
        if self._serving is None:
            return
        _, late = await asyncio.wait([self._serving], timeout=within_s)
        for serving in late:
            serving.cancel()
            await asyncio.wait([serving], timeout=within_s)

    def _serve_on(self) -> None:
        self._serving = asyncio.get_running_loop().create_task(self._serve())
        # A task that is cancelled before its first step never runs: what must be done in the end
        # is no business of its own.
        self._serving.add_done_callback(self._served)

    async def _serve(self) -> None:
        while self._line:
            # Who came alone last time does so again, most likely.
            if self._in_company:
                await self._assemble()
            self._batch = self._next()
            self._in_company = len(self._batch) > 1
            await self._answer(self._batch)
            self._batch = ()

    def _served(self, serving: asyncio.Task[None]) -> None:
        """The last resort: where serving ended by a fault, whoever waits is told."""
        if self._serving is not serving:  # this was done already
            return
        self._serving = None
        fault = asyncio.CancelledError() if serving.cancelled() else serving.exception()
        if fault is not None:
            log.error("%s while batches were served", type(fault).__name__)
            for waiter in (*self._batch, *self._line):
                waiter.tell(InternalError(type(fault).__name__))
            self._batch = ()
            self._line.clear()
        elif self._line:  # who came since
            self._serve_on()

    async def _assemble(self) -> None:
        """Let in who has come already: turns of the loop, not time, until they bring nobody.

        What is read while the model works takes turns with it, and slows down both.
        """
        clock = asyncio.get_running_loop().time
        until = clock() + ASSEMBLE_S
        quiet = 0
        while quiet < QUIET_TURNS and len(self._line) < MAX_ROWS and clock() < until:
            waiting = len(self._line)
            await asyncio.sleep(0)
            quiet = quiet + 1 if len(self._line) == waiting else 0

    def _next(self) -> list[_Waiter]:
        """Who is first in line and still there, and those after it that fit into its call."""
        batch: list[_Waiter] = []
        others: list[_Waiter] = []
        rows, most = 0, self._most_rows()
        while self._line:
            waiter = self._line.popleft()
            if waiter.outcome.done():
                continue
            if batch and not _alike(waiter.question, batch[0].question):
                others.append(waiter)
                continue
            rows += len(waiter.question)
            if batch and rows > most:
                others.append(waiter)
                break
            batch.append(waiter)
        self._line.extendleft(reversed(others))
        return batch

    def _most_rows(self) -> int:
        """Of several waiters, in one call."""
        if not self.call_times.row_s:
            return MAX_ROWS
        return min(MAX_ROWS, int(CALL_SHARE * self._thread.timeout_s / self.call_times.row_s))

    async def _answer(self, batch: Sequence[_Waiter]) -> None:
        batch = [waiter for waiter in batch if not waiter.outcome.done()]
        if not batch:
            return
        try:
            answers = await self._predict(batch)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - each waiter is told
            await self._refuse(batch, error)
            return
        following = iter(answers)
        for waiter in batch:
            share = list(islice(following, len(waiter.question)))
            if not waiter.outcome.done():
                waiter.outcome.set_result(share)

    async def _predict(self, batch: Sequence[_Waiter]) -> list[bytes]:
        first, *others = batch
        question = first.question
        if others:
            question = question.join([waiter.question for waiter in others])
        rows = len(question)
        call = partial(self.call_times.timed, rows, partial(self._script.run_rows, question))
        if self._script.library_only and self.call_times.is_under(INLINE_S, rows=rows):
            answers = self._thread.run_inline(call, rows=rows)
        else:
            waits = [waiter.wait for waiter in batch]
            answers = await self._thread.run(call, rows=rows, waits=waits)
        if len(answers) != rows:  # one waiter's would be taken for another's
            raise ResultUnserialisable(f"{rows} rows were answered with {len(answers)} answers")
        return answers

    async def _refuse(self, batch: Sequence[_Waiter], error: BaseException) -> None:
        """One's bad row must not cost the others their answer: each half is asked again.

        So n waiters take 2 n calls at most, and one bad among them 2 log2 n. What is no refusal
        of rows would come again, and is not tried again.
        """
        if len(batch) > 1 and is_row_specific(error):
            middle = len(batch) // 2
            await self._answer(batch[:middle])
            await self._answer(batch[middle:])
            return
        for waiter in batch:
            waiter.tell(error)


def _alike(question: RowQuestion, other: RowQuestion) -> bool:
    """Whether the two can be joined."""
    return question.dtype == other.dtype and question.row_shape == other.row_shape
