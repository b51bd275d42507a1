"""The model's own thread: calls run one at a time, off the event loop, each under a deadline.

Python can't stop a thread. A call that runs past its deadline is abandoned together with its
thread, and a fresh thread serves the calls that wait; the abandoned one ends itself when its
call returns.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from functools import partial
from typing import Any

from inference.counts import Counts
from inference.errors import ModelUnavailable, Overloaded, ScoringTimeout

log = logging.getLogger(__name__)

#: Calls that may wait at once before the next one is turned away.
DEFAULT_MAX_WAITING = 1_000
#: Threads that may be left behind with calls that hang; each one keeps its memory and its core.
MAX_HUNG = 8
#: Seconds that a loading model may hold up the end of the process.
END_S = 5.0

#: Python's end stops a daemon thread wherever it is, and then waits for ever where it needs the
#: lock of an import that such a thread has begun.
_loading: set[Future[None]] = set()
_ending = threading.Event()


@atexit.register
def _let_loading_end() -> None:
    _ending.set()
    wait(list(_loading), END_S)


class _Job:
    """A call, and who is told what became of it."""

    def __init__(self, call: Callable[[], Any], tell: Callable[[Any, BaseException | None], None]):
        self._call, self._tell = call, tell
        #: time.monotonic() when the call began; None while it waits.
        self.began_at: float | None = None
        #: Nobody waits any more: it need not begin.
        self.dropped = False

    def run(self) -> None:
        if self.dropped:
            return
        self.began_at = time.monotonic()
        try:
            result = self._call()
        except BaseException as error:  # noqa: BLE001 - a script's sys.exit() must not end the thread
            self._tell(None, error)
        else:
            self._tell(result, None)


class ModelThread:
    """Runs calls in the order they came. Many tasks may wait for theirs."""

    def __init__(
        self, *, timeout_s: float, counts: Counts, max_waiting: int = DEFAULT_MAX_WAITING
    ) -> None:
        self._counts = counts
        self._timeout_s = timeout_s
        self._max_waiting = max_waiting
        self._waiting = 0
        self._hung: list[threading.Thread] = []
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread = self._start()

    def __repr__(self) -> str:
        return f"<ModelThread waiting={self._waiting}>"

    @property
    def timeout_s(self) -> float:
        return self._timeout_s

    def begin[T](self, call: Callable[[], T], outcome: Future[T]) -> None:
        """Put a call in line, without a deadline, and its outcome where it is told: for loading."""

        def tell(result: Any, error: BaseException | None) -> None:
            if error is None:
                outcome.set_result(result)
            else:
                outcome.set_exception(error)

        self._jobs.put(_Job(partial(_load, call), tell))

    def require_room(self, waiting: int) -> None:
        """Raises Overloaded where one more call would wait behind too many, or for ever."""
        if waiting >= self._max_waiting:
            raise Overloaded(f"{waiting} calls wait for the model; try again later")
        if self._hung:
            self._hung = [thread for thread in self._hung if thread.is_alive()]
            if len(self._hung) >= MAX_HUNG:
                raise Overloaded(f"{MAX_HUNG} calls hang and none comes back; restart the app")

    async def run[T](self, call: Callable[[], T], *, rows: int = 1, patient: bool = False) -> T:
        """The call's result, or what it raised. `rows`: how many it is about, to be counted.

        Raises Overloaded where the call never began in time, unless it is `patient`, and
        ScoringTimeout where it did not end in time.
        """
        self.require_room(self._waiting)
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[T] = loop.create_future()

        def tell(result: Any, error: BaseException | None) -> None:
            # A loop that closed meanwhile has nobody left who waits.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(_settle, outcome, result, error)

        job = _Job(call, tell)
        self._waiting += 1
        self._jobs.put(job)
        watch = _Watch(self, job, outcome, patient=patient)
        try:
            return await outcome
        finally:
            watch.end()
            self._waiting -= 1
            job.dropped = True
            if job.began_at is not None:
                self._count(time.monotonic() - job.began_at, rows)

    def run_here[T](self, call: Callable[[], T], *, rows: int) -> T:
        """The call's result, or what it raised, in the caller's own thread and at once."""
        began = time.monotonic()
        try:
            return call()
        finally:
            self._count(time.monotonic() - began, rows)

    def close(self) -> None:
        """End the thread after the calls in line. A call that hangs does not hold up the exit."""
        self._jobs.put(None)

    def abandon(self) -> None:
        """Leave the thread behind with the call that it runs."""
        log.error("a call ran past %g s; its thread is left behind", self._timeout_s)
        self._hung.append(self._thread)
        self._thread = self._start()

    def _count(self, seconds: float, rows: int) -> None:
        self._counts.call_seconds.observe(seconds)
        self._counts.call_rows.observe(rows)

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


class _Watch:
    """Looks after a call's deadlines: one timer at a time, on the waiter's loop."""

    def __init__(
        self, thread: ModelThread, job: _Job, outcome: asyncio.Future[Any], *, patient: bool
    ) -> None:
        self._thread, self._job, self._outcome, self._patient = thread, job, outcome, patient
        self._timer = outcome.get_loop().call_later(thread.timeout_s, self._look)

    def end(self) -> None:
        self._timer.cancel()

    def _look(self) -> None:
        if self._outcome.done():
            return
        limit = self._thread.timeout_s
        began_at = self._job.began_at
        if began_at is None and not self._patient:
            self._outcome.set_exception(
                Overloaded(f"the model did not get to this request within {limit:g} s")
            )
            return
        left = limit if began_at is None else began_at + limit - time.monotonic()
        if left > 0:
            self._timer = self._outcome.get_loop().call_later(left, self._look)
            return
        self._thread.abandon()
        self._outcome.set_exception(
            ScoringTimeout(f"no answer within {limit:g} s (SCORING_TIMEOUT_S)")
        )


def _load[T](call: Callable[[], T]) -> T:
    ended: Future[None] = Future()
    _loading.add(ended)
    try:
        if _ending.is_set():
            raise ModelUnavailable("the process ends")
        return call()
    finally:
        _loading.discard(ended)
        ended.set_result(None)


def _settle(outcome: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if outcome.done():
        return
    if error is None:
        outcome.set_result(result)
    elif isinstance(error, StopIteration):  # a future refuses it
        outcome.set_exception(RuntimeError("StopIteration"))
    else:
        outcome.set_exception(error)
