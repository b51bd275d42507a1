"""The model's own thread: calls run one at a time, off the event loop, each under a deadline.

Python can't stop a thread. A call that runs past its deadline is abandoned together with its
thread, and a fresh thread serves the calls that wait; the abandoned one ends itself when its
call returns.
"""

from __future__ import annotations

import atexit
import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from typing import Any, Protocol

from inference.errors import ModelUnavailable, Overloaded
from inference.serving.counts import Counts
from inference.serving.deadlines import Wait, within
from inference.serving.hung_threads import HungThreads
from inference.serving.model_call import Call

log = logging.getLogger(__name__)

#: Calls that may wait at once before the next one is turned away.
DEFAULT_MAX_WAITING = 1_000
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


class _Job(Protocol):
    def run(self) -> None: ...


class ModelThread:
    """Runs calls in the order they came. Many tasks may wait for theirs.

    `exit_process` is called where so many calls hang that nothing can be answered any more.
    """

    def __init__(
        self,
        *,
        timeout_s: float,
        counts: Counts,
        max_waiting: int = DEFAULT_MAX_WAITING,
        exit_process: Callable[[], None] | None = None,
    ) -> None:
        self._counts = counts
        self._timeout_s = timeout_s
        self._max_waiting = max_waiting
        #: In line or running, hung ones not.
        self._calls: set[Call[Any]] = set()
        self._hung = HungThreads(exit_process)
        self._closed = False
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread = self._start()

    def __repr__(self) -> str:
        return f"<ModelThread waiting={len(self._calls)} {self._hung!r}>"

    @property
    def timeout_s(self) -> float:
        return self._timeout_s

    @property
    def waiting(self) -> int:
        """Calls in line, and the one that runs."""
        return len(self._calls)

    @property
    def failure(self) -> str | None:
        """Why nothing can be called any more; None while something can."""
        return self._hung.reason

    def begin[T](self, call: Callable[[], T], outcome: Future[T]) -> None:
        """Put a call in line, without a deadline, and its outcome where it is told: for loading."""
        outcome.set_running_or_notify_cancel()  # nobody can cancel it from here on
        self._jobs.put(_Loading(call, outcome))

    def require_room(self, waiting: int) -> None:
        """Raises Overloaded where one more call would wait behind too many, or for ever."""
        if waiting >= self._max_waiting:
            raise Overloaded(f"{waiting} calls wait for the model; try again later")
        if self._closed:
            raise Overloaded("the app is stopping; try again later")
        if reason := self._hung.reason:
            raise Overloaded(reason)

    async def run[T](
        self,
        call: Callable[[], T],
        *,
        rows: int = 1,
        waits: Sequence[Wait] = (),
        patient: bool = False,
    ) -> T:
        """The call's result, or what it raised. `rows`: how many it is about, to be counted.

        `waits` are told once it begins. Raises ScoringTimeout where it does not end in time, and,
        unless the caller is `patient`, Overloaded where it does not begin in time either.
        """
        self.require_room(len(self._calls))
        own = Wait()
        begun = Call(
            call, timeout_s=self._timeout_s, waits=(own, *waits), rows=rows, over=self._over
        )
        self._calls.add(begun)
        self._jobs.put(begun)
        try:
            if patient:
                return await begun.outcome
            return await within(self._timeout_s, own, begun.outcome)
        finally:
            begun.leave()

    def run_here[T](self, call: Callable[[], T], *, rows: int) -> T:
        """The call's result, or what it raised, in the caller's own thread and at once."""
        began = time.monotonic()
        try:
            return call()
        finally:
            self._count(time.monotonic() - began, rows)

    def close(self) -> None:
        """Take no more calls, and end the thread after those in line. One that hangs holds up
        nothing.
        """
        self._closed = True
        self._jobs.put(None)

    def _over(self, call: Call[Any]) -> None:
        """It ended, was given up before it began, or hangs."""
        self._calls.discard(call)
        if call.began_at is not None:
            self._count(time.monotonic() - call.began_at, call.rows)
        if call.hangs:
            self._abandon()

    def _abandon(self) -> None:
        """Leave the thread behind with the call that it runs."""
        log.error("a call ran past %g s; its thread is left behind", self._timeout_s)
        left = self._thread
        self._thread = self._start()
        self._hung.add(left)
        if reason := self._hung.reason:
            for call in tuple(self._calls):
                call.fail(Overloaded(reason))

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
            try:
                job.run()
            except BaseException as error:  # noqa: BLE001 - the calls in line need this thread
                log.error("%s where a call was told of", type(error).__name__)


class _Loading[T]:
    """A call without a deadline, which the end of the process waits for."""

    def __init__(self, call: Callable[[], T], outcome: Future[T]) -> None:
        self._call, self._outcome = call, outcome

    def run(self) -> None:
        try:
            self._outcome.set_result(self._finish())
        except BaseException as error:  # noqa: BLE001 - a script's sys.exit() must not end the thread
            self._outcome.set_exception(error)

    def _finish(self) -> T:
        ended: Future[None] = Future()
        _loading.add(ended)
        try:
            if _ending.is_set():
                raise ModelUnavailable("the process ends")
            return self._call()
        finally:
            _loading.discard(ended)
            ended.set_result(None)
