"""Rows that wait while the model works are predicted together next.

Nothing is held back to wait for company: an idle model begins as soon as all that has arrived by
then is read. While it works, what comes in stands in line; then the head of the line goes in
together, up to MAX_ROWS, in order of arrival.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Sequence
from functools import partial
from itertools import islice
from typing import NamedTuple

from inference.errors import Overloaded, ScoringError
from inference.pace import Pace
from inference.scripts.question import RowQuestion, Script
from inference.worker import ModelThread

log = logging.getLogger(__name__)

#: In one call. Beyond this a row gains nothing from more company, and its neighbours wait longer.
MAX_ROWS = 512

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
    came_at: float
    patient: bool


class Batcher:
    """Asks the model for rows, each waiter's in one call with others that wait.

    A waiter that is cancelled leaves alone. For one event loop.
    """

    def __init__(self, thread: ModelThread, script: Script) -> None:
        self._thread, self._script = thread, script
        self._line: deque[_Waiter] = deque()
        self._serving: asyncio.Task[None] | None = None
        self._in_company = False
        self.pace = Pace()

    def __repr__(self) -> str:
        return f"<Batcher {len(self._line)} in line, {self.pace!r}>"

    async def ask(self, question: RowQuestion, *, patient: bool = False) -> list[bytes]:
        """The answer to each row. Raises ScoringError."""
        self._thread.require_room(len(self._line))
        outcome: asyncio.Future[list[bytes]] = asyncio.get_running_loop().create_future()
        self._line.append(_Waiter(question, outcome, time.monotonic(), patient))
        if self._serving is None:
            self._serving = asyncio.get_running_loop().create_task(self._serve())
        return await outcome

    async def close(self) -> None:
        """Wait until the line is empty."""
        while self._serving is not None:
            await asyncio.wait([self._serving])

    async def _serve(self) -> None:
        try:
            while self._line:
                # Who came alone last time does so again, most likely.
                if self._in_company:
                    await self._assemble()
                if batch := self._next():
                    self._in_company = len(batch) > 1
                    await self._answer(batch)
        finally:
            self._serving = None

    async def _assemble(self) -> None:
        """Let in who has come already: turns of the loop, not time, until they bring nobody.

        What is read while the model works takes turns with it, and slows down both.
        """
        until = time.monotonic() + ASSEMBLE_S
        quiet = 0
        while quiet < QUIET_TURNS and len(self._line) < MAX_ROWS and time.monotonic() < until:
            waiting = len(self._line)
            await asyncio.sleep(0)
            quiet = quiet + 1 if len(self._line) == waiting else 0

    def _next(self) -> list[_Waiter]:
        """The head of the line: waiters still there, of one dtype, few enough rows."""
        batch: list[_Waiter] = []
        rows = 0
        while self._line:
            waiter = self._line[0]
            if waiter.outcome.done() or self._too_late(waiter):
                self._line.popleft()
                continue
            rows += len(waiter.question)
            if batch and (rows > MAX_ROWS or waiter.question.dtype != batch[0].question.dtype):
                break
            batch.append(self._line.popleft())
        return batch

    def _too_late(self, waiter: _Waiter) -> bool:
        limit = self._thread.timeout_s
        if waiter.patient or time.monotonic() - waiter.came_at <= limit:
            return False
        waiter.outcome.set_exception(
            Overloaded(f"the model did not get to this request within {limit:g} s")
        )
        return True

    async def _answer(self, batch: Sequence[_Waiter]) -> None:
        first, *others = batch
        question = first.question
        if others:
            question = question.join([waiter.question for waiter in others])
        try:
            answers = await self._predict(question)
        except Exception as error:  # noqa: BLE001 - each waiter is told
            await self._answer_apart(batch, error)
            return
        following = iter(answers)
        for waiter in batch:
            share = list(islice(following, len(waiter.question)))
            if not waiter.outcome.done():
                waiter.outcome.set_result(share)

    async def _predict(self, question: RowQuestion) -> list[bytes]:
        rows = len(question)
        call = partial(self.pace.timed, rows, partial(self._script.run_rows, question))
        if self._script.bounded and self.pace.is_under(INLINE_S, rows=rows):
            return self._thread.run_here(call, rows=rows)
        return await self._thread.run(call, rows=rows, patient=True)

    async def _answer_apart(self, batch: Sequence[_Waiter], error: Exception) -> None:
        """One's bad row must not cost the others their answer: each is asked again, alone."""
        if len(batch) > 1:
            for waiter in batch:
                if not waiter.outcome.done():
                    await self._answer([waiter])
            return
        (waiter,) = batch
        if not waiter.outcome.done():
            waiter.outcome.set_exception(error)
        elif not isinstance(error, ScoringError):
            log.error("%s in a batch nobody waits for", type(error).__name__)
