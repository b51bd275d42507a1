"""One call of the model: its turn, its deadline, and how whoever waits for it is told."""

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
    """Waits in line, runs in the model's thread, and is told of on its event loop.

    The watch on its deadline is its own, not that of whoever waits: who leaves takes nothing along.
    """

    def __init__(
        self,
        call: Callable[[], T],
        *,
        timeout_s: float,
        waits: Sequence[Wait],
        rows: int,
        over: Callable[[Call[Any]], object],
    ) -> None:
        self.rows = rows
        #: time.monotonic() when it began; None while it waits.
        self.began_at: float | None = None
        #: Whether it ran past its deadline.
        self.hangs = False
        self._call: Callable[[], T] | None = call
        self._timeout_s, self._waits, self._over = timeout_s, waits, over
        #: Taken by the thread that begins it, or by whoever gives it up before.
        self._turn = threading.Lock()
        self._ended = False
        self._result: T | None = None
        self._error: BaseException | None = None
        self._loop = asyncio.get_running_loop()
        self.outcome: asyncio.Future[T] = self._loop.create_future()
        self._timer = self._loop.call_later(timeout_s, self._look)

    def run(self) -> None:
        """In the model's thread."""
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
        # A loop that closed meanwhile has nobody left who waits.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._settle)

    def leave(self) -> None:
        """Nobody waits any more: it need not begin. One that runs is watched to its end."""
        if self._turn.acquire(blocking=False):
            self._finish()

    def fail(self, error: Exception) -> None:
        """Tell whoever waits that it will not begin; one that runs goes on."""
        if self._turn.acquire(blocking=False):
            self._tell(None, error)

    def _settle(self) -> None:
        if self._call is not None:
            self._tell(self._result, self._error)

    def _tell(self, result: Any, error: BaseException | None) -> None:
        if not self.outcome.done():
            if error is None:
                self.outcome.set_result(result)
            elif isinstance(error, StopIteration):  # a future refuses it
                self.outcome.set_exception(RuntimeError("StopIteration"))
            else:
                self.outcome.set_exception(error)
        self._finish()

    def _finish(self) -> None:
        """No more to be watched, and no more to be kept in memory while it stands in line."""
        self._timer.cancel()
        self._call = None
        self._over(self)

    def _look(self) -> None:
        if self._ended:  # and nobody heard of it
            self._settle()
            return
        began_at = self.began_at
        left = (
            self._timeout_s if began_at is None else began_at + self._timeout_s - time.monotonic()
        )
        if left > 0:
            self._timer = self._loop.call_later(left, self._look)
            return
        self.hangs = True
        told = f"no answer within {self._timeout_s:g} s (SCORING_TIMEOUT_S)"
        self._tell(None, ScoringTimeout(told))
