"""A computation in flight and its waiters."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType

from inference.errors import InternalError
from inference.log_text import current_request
from inference.scripts.question import Reply
from inference.serving.deadlines import Wait
from inference.tracebacks import format_error
from inference.tracing import spans

log = logging.getLogger(__name__)

#: An answer a unit: a row, or a question that is answered as a whole.
Units = list[bytes]


@dataclass(frozen=True, slots=True)
class ComputeOptions:
    """What a computation may do besides calling the model."""

    #: Whether its answers are stored in the shared cache too.
    far: bool
    #: Whether it may wait for another process that computes the same units.
    lease: bool


class Computation:
    """Units that are being computed, and the callers that wait for them. For one event loop."""

    __slots__ = (
        *("_error", "_futures", "_outcome", "_span", "_traceback", "_waiters"),
        *("keys", "task", "wait"),
    )

    def __init__(self, keys: Sequence[str]) -> None:
        #: Of its units, in their order.
        self.keys = keys
        #: Stands for all waiters where the model is called: it begins once for all of them.
        self.wait = Wait()
        self.task: asyncio.Task[None]
        self._outcome: Units | Reply | None = None
        self._error: Exception | None = None
        self._traceback: TracebackType | None = None
        self._futures: list[asyncio.Future[None]] = []
        self._waiters = 0
        #: Of the request that began it.
        self._span = None if spans.recorder is None else spans.recorder.current()

    def __repr__(self) -> str:
        return f"<Computation of {len(self.keys)} units, {self._waiters} waiters>"

    @property
    def has_waiters(self) -> bool:
        return self._waiters > 0

    def set_outcome(self, outcome: Units | Reply) -> None:
        """Answer all waiters."""
        self._outcome = outcome
        self._wake()

    def task_ended(self, task: asyncio.Task[None]) -> None:
        """Fail all waiters if the task has ended without an outcome."""
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        if self._outcome is not None:
            if isinstance(error, Exception):
                request_id, where = current_request.get(), format_error(error)
                log.error("request %r failed after its answer was known: %s", request_id, where)
            return
        if not isinstance(error, Exception):
            error = InternalError(type(error).__name__)
        self._error = error
        self._traceback = error.__traceback__
        self._wake()

    def join(self) -> None:
        """Add a waiter, which must `leave`."""
        self._waiters += 1
        if self._span is not None and spans.recorder is not None:
            spans.recorder.link(self._span)

    def leave(self, wait: Wait) -> bool:
        """Remove a waiter. True if it was the last one and the model has not begun."""
        self._waiters -= 1
        begun = self.wait.begun
        wait.begun = wait.begun or begun
        return not (self._waiters or begun or self._outcome is not None or self._error is not None)

    async def outcome(self) -> Units | Reply:
        """Wait for the outcome. Raises what its task raised."""
        if self._outcome is None and self._error is None:
            # A future for each waiter: cancelling one waiter must not cancel the others.
            future = asyncio.get_running_loop().create_future()
            self._futures.append(future)
            await future
        if self._error is not None:
            # Each waiter raises the same error; without this, each adds its frames to all others'.
            raise self._error.with_traceback(self._traceback)
        return self._outcome or []

    def _wake(self) -> None:
        for future in self._futures:
            if not future.done():
                future.set_result(None)


def joint_key(keys: Sequence[str]) -> str:
    """One key for many."""
    return hashlib.sha256("\n".join(keys).encode()).hexdigest()
