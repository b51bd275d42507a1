"""The rows that wait for the model, and which of them its next call takes together."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from inference.errors import InternalError, TransientError
from inference.scripts.question import RowQuestion
from inference.serving.deadlines import Wait

if TYPE_CHECKING:
    from inference.tracing.model_calls import WaitSpan


class Waiter(NamedTuple):
    """One question, and the future of its answers, which is done once nobody waits for it."""

    question: RowQuestion
    outcome: asyncio.Future[list[bytes]]
    wait: Wait
    rows: int
    #: Where traces are exported.
    span: WaitSpan | None = None

    def fail(self, error: BaseException) -> None:
        if self.outcome.done():
            return
        if isinstance(error, TransientError):
            # A copy for each waiter: one error would collect the tracebacks of all.
            self.outcome.set_exception(type(error)(error.message))
        elif isinstance(error, Exception) and not isinstance(error, StopIteration):
            self.outcome.set_exception(error)
        else:  # a future refuses it, or it would end the event loop
            self.outcome.set_exception(InternalError(type(error).__name__))


class BatchQueue:
    """Waiters in order of arrival."""

    def __init__(self) -> None:
        self._waiters: deque[Waiter] = deque()

    def __len__(self) -> int:
        return len(self._waiters)

    def add(self, waiter: Waiter) -> None:
        self._waiters.append(waiter)

    def take_batch(self, max_rows: int) -> list[Waiter]:
        """The first waiter, and the following ones whose rows can be in its call.

        Their rows have its dtype and shape. Together they are at most `max_rows`, unless the first
        waiter alone has more.
        """
        batch: list[Waiter] = []
        others: list[Waiter] = []
        rows = 0
        first: RowQuestion | None = None
        while self._waiters:
            waiter = self._waiters.popleft()
            question = waiter.question
            if waiter.outcome.done():  # its caller was cancelled, or its deadline has passed
                continue
            if first is None:
                first = question
            elif question.dtype != first.dtype or question.row_shape != first.row_shape:
                # These rows can't be in one array with the first ones. Later ones may be.
                others.append(waiter)
                continue
            rows += waiter.rows
            if batch and rows > max_rows:
                # The batch is full. Smaller ones behind this one must not overtake it.
                others.append(waiter)
                break
            batch.append(waiter)
        self._waiters.extendleft(reversed(others))
        return batch

    def take_all(self) -> list[Waiter]:
        waiters = list(self._waiters)
        self._waiters.clear()
        return waiters
