"""The model's own thread: calls run one at a time, off the event loop, each under a deadline.

Python can't stop a thread. A call that runs past its deadline is abandoned together with its
thread, and a fresh thread serves the calls that wait; the abandoned one ends itself when its
call returns.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future

from inference.errors import Overloaded, ScoringTimeout

log = logging.getLogger(__name__)

#: Calls that may wait at once before the next one is turned away.
DEFAULT_MAX_WAITING = 1_000
#: Threads that may be left behind with calls that hang; each one keeps its memory and its core.
MAX_HUNG = 8


class _Job[T]:
    def __init__(self, call: Callable[[], T]) -> None:
        self.call = call
        self.outcome: Future[T] = Future()
        #: time.monotonic() when the call began; None while it waits.
        self.began_at: float | None = None

    def run(self) -> None:
        if not self.outcome.set_running_or_notify_cancel():
            return
        self.began_at = time.monotonic()
        try:
            result = self.call()
        except BaseException as error:  # noqa: BLE001 - a script's sys.exit() must not end the thread
            self.outcome.set_exception(error)
        else:
            self.outcome.set_result(result)


class ModelThread:
    """Runs calls in the order they came. Many tasks may wait for theirs."""

    def __init__(self, *, timeout_s: float, max_waiting: int = DEFAULT_MAX_WAITING) -> None:
        self._timeout_s = timeout_s
        self._max_waiting = max_waiting
        self._waiting = 0
        self._hung: list[threading.Thread] = []
        self._jobs: queue.SimpleQueue[_Job[object] | None] = queue.SimpleQueue()
        self._thread = self._start()

    def __repr__(self) -> str:
        return f"<ModelThread waiting={self._waiting}>"

    def begin[T](self, call: Callable[[], T]) -> Future[T]:
        """Put a call in line, without a deadline: for loading."""
        job = _Job(call)
        self._jobs.put(job)  # type: ignore[arg-type]
        return job.outcome

    async def run[T](self, call: Callable[[], T], *, patient: bool = False) -> T:
        """The call's result, or what it raised.

        Raises Overloaded where the call never began in time, unless it is `patient`, and
        ScoringTimeout where it did not end in time.
        """
        if self._waiting >= self._max_waiting:
            raise Overloaded(f"{self._waiting} calls wait for the model; try again later")
        if self._hung:
            self._hung = [thread for thread in self._hung if thread.is_alive()]
            if len(self._hung) >= MAX_HUNG:
                raise Overloaded(f"{MAX_HUNG} calls hang and none comes back; restart the app")
        job = _Job(call)
        self._waiting += 1
        self._jobs.put(job)  # type: ignore[arg-type]
        try:
            return await self._outcome(job, patient=patient)
        finally:
            self._waiting -= 1
            job.outcome.cancel()  # takes effect only where nobody waits for it and it never began

    def close(self) -> None:
        """End the thread after the calls in line. A call that hangs does not hold up the exit."""
        self._jobs.put(None)

    async def _outcome[T](self, job: _Job[T], *, patient: bool) -> T:
        outcome = asyncio.wrap_future(job.outcome)
        patience = self._timeout_s
        while not outcome.done():
            await asyncio.wait([outcome], timeout=patience)
            if outcome.done():
                break
            if job.began_at is None and patient:
                continue
            if job.began_at is None:
                raise Overloaded(
                    f"the model did not get to this request within {self._timeout_s:g} s"
                )
            patience = job.began_at + self._timeout_s - time.monotonic()
            if patience <= 0 and not job.outcome.done():
                self._abandon()
                raise ScoringTimeout(f"no answer within {self._timeout_s:g} s (SCORING_TIMEOUT_S)")
        return outcome.result()

    def _abandon(self) -> None:
        log.error("a call ran past %g s; its thread is left behind", self._timeout_s)
        self._hung.append(self._thread)
        self._thread = self._start()

    def _start(self) -> threading.Thread:
        thread = threading.Thread(target=self._serve, name="model", daemon=True)
        # The loop below asks which thread is in charge, so it must know before it starts.
        self._thread = thread
        thread.start()
        return thread

    def _serve(self) -> None:
        while threading.current_thread() is self._thread:
            job = self._jobs.get()
            if threading.current_thread() is not self._thread:
                self._jobs.put(job)  # it was abandoned while it waited: the next one's turn
                return
            if job is None:
                return
            job.run()
