"""One call of the model: its turn, its deadline, and its outcome."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from inference.errors import ScoringTimeout
from inference.serving.deadlines import Wait


class Call[T]:
    """Waits in the queue, runs in the model thread and sets its outcome on its event loop.

    Its deadline counts from when it begins. It watches the deadline itself, so a hanging call is
    noticed even after its caller was cancelled. `on_end` is called once: when the call has ended,
    was given up before it began, or hangs.
    """

    def __init__(
        self,
        call: Callable[[], T],
        *,
        timeout_s: float,
        waits: Sequence[Wait],
        rows: int,
        on_end: Callable[[Call[Any]], object],
    ) -> None:
        self.rows = rows
        #: time.monotonic() when it began; None while it is queued.
        self.began_at: float | None = None
        #: Whether it ran past its deadline.
        self.hangs = False
        self._call: Callable[[], T] | None = call
        self._timeout_s, self._waits, self._on_end = timeout_s, waits, on_end
        #: Acquired once: by the thread that begins the call, or by what gives it up before.
        self._turn = threading.Lock()
        self._ended = False
        self._result: T | None = None
        self._error: BaseException | None = None
        self._loop = asyncio.get_running_loop()
        self.outcome: asyncio.Future[T] = self._loop.create_future()
        self._timer = self._loop.call_later(timeout_s, self._check_deadline)

    def run(self) -> None:
        """Run in the model thread, unless the call was given up."""
        call = self._call
        if call is None or not self._turn.acquire(blocking=False):
            return
        self.began_at = time.monotonic()
        for wait in self._waits:
            wait.begun = True
        try:
            self._result = call()
        except BaseException as error:  # noqa: BLE001 - a script's sys.exit() must not end the thread
            self._error = error
        self._ended = True
        # A closed event loop has no waiters left.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._settle)

    def leave(self) -> None:
        """Give the call up if it has not begun. If it has, its deadline is still watched."""
        if self._turn.acquire(blocking=False):
            self._finish()

    def fail(self, error: Exception) -> None:
        """Fail the call if it has not begun."""
        if self._turn.acquire(blocking=False):
            self._set_outcome(None, error)

    def _settle(self) -> None:
        if self._call is not None:
            self._set_outcome(self._result, self._error)

    def _set_outcome(self, result: Any, error: BaseException | None) -> None:
        if not self.outcome.done():
            if error is None:
                self.outcome.set_result(result)
            elif isinstance(error, StopIteration):  # a future refuses it
                self.outcome.set_exception(RuntimeError("StopIteration"))
            else:
                self.outcome.set_exception(error)
        self._finish()

    def _finish(self) -> None:
        self._timer.cancel()
        self._call = None  # which holds rows, and may stay in the queue for a while
        self._on_end(self)

    def _check_deadline(self) -> None:
        if self._ended:  # but call_soon_threadsafe did not reach the loop
            self._settle()
            return
        left_s = self._timeout_s
        if self.began_at is not None:
            left_s += self.began_at - time.monotonic()
        if left_s > 0:
            self._timer = self._loop.call_later(left_s, self._check_deadline)
            return
        self.hangs = True
        message = f"no answer within {self._timeout_s:g} s (SCORING_TIMEOUT_S)"
        self._set_outcome(None, ScoringTimeout(message))
