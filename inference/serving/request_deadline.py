"""One request on its way through the core: until when it is waited for, and what it ends in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType

from inference import failure_log
from inference.errors import InternalError, ScoringError
from inference.serving.deadlines import Deadlines, Wait


class RequestDeadline(Wait):
    """A block that ends at `deadline`, and that nothing but a ScoringError leaves.

    Where its time is over, `late` says what to raise. The log has a line of what somebody must
    look into. Every request passes through one, so that it is no generator and no coroutine.
    """

    __slots__ = ("_deadlines", "_id", "_late")

    def __init__(
        self,
        deadlines: Deadlines,
        request_id: str,
        deadline: float,
        late: Callable[[Wait], ScoringError],
    ) -> None:
        self.deadline, self.begun, self.expired = deadline, False, False
        self._deadlines, self._id, self._late = deadlines, request_id, late

    def __enter__(self) -> Wait:
        self._deadlines.watch(self)
        return self

    def __exit__(
        self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None
    ) -> None:
        late = self._deadlines.leave(self)
        if error is None:
            return
        if isinstance(error, asyncio.CancelledError):
            if late:
                raise failure_log.log_failure(self._late(self), self._id) from None
            task = asyncio.current_task()
            if task is None or task.cancelling():
                return
            # Nobody cancelled this task, but what it waited for.
            raise failure_log.log_failure(InternalError("CancelledError"), self._id) from error
        if isinstance(error, Exception):
            told = failure_log.log_failure(error, self._id)
            if told is not error:
                raise told from error
