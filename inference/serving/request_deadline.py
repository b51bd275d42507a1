"""Runs a request until its deadline, and turns whatever it raises into a ScoringError."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType

from inference.errors import InternalError, ScoringError
from inference.failure_log import log_failure
from inference.log_text import current_request
from inference.serving.deadlines import Deadlines, Wait


class RequestDeadline(Wait):
    """A `with` block that ends at the deadline and raises only ScoringError, once it is logged.

    `late` makes the error of a request that ended at its deadline. A cancellation from outside
    passes. Every request enters one, so it is no generator: those cost more.
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
        current_request.set(self._id)
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
                raise log_failure(self._late(self), self._id) from None
            task = asyncio.current_task()
            if task is None or task.cancelling():
                return
            # The task was not cancelled, but something that it awaited was.
            raise log_failure(InternalError("CancelledError"), self._id) from error
        if isinstance(error, Exception):
            outcome = log_failure(error, self._id)
            if outcome is not error:
                raise outcome from error
