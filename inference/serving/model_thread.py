"""The model thread: runs calls of the model one at a time, off the event loop, under a deadline.

Python can't stop a thread. A call that runs past its deadline is abandoned together with its
thread, and a new thread runs the calls that wait. An abandoned thread ends when its call returns.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from inference.counters.counts import Counts
from inference.errors import Overloaded
from inference.serving.deadlines import Wait
from inference.serving.hung_threads import HungThreads
from inference.serving.model_call import Call
from inference.tracebacks import format_error

log = logging.getLogger(__name__)

#: Calls that may wait at once. The next one is refused.
DEFAULT_MAX_WAITING = 1_000


class ModelThread:
    """Runs calls in the order they came, for tasks of one event loop.

    `exit_process` is called when so many calls hang that nothing can be answered any more.
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
        #: Queued or running. Those that hang are in `_hung`.
        self._calls: set[Call[Any]] = set()
        self._hung = HungThreads(exit_process)
        self._closed = False
        #: None ends the thread.
        self._jobs: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
        self._thread = self._start()

    def __repr__(self) -> str:
        return f"<ModelThread waiting={len(self._calls)} {self._hung!r}>"

    @property
    def timeout_s(self) -> float:
        return self._timeout_s

    @property
    def waiting(self) -> int:
        """How many calls are queued or running."""
        return len(self._calls)

    @property
    def failure(self) -> str | None:
        """Why nothing can be called any more; None while something can."""
        return self._hung.reason

    def submit(self, job: Callable[[], object]) -> None:
        """Queue a job that has no deadline and reports its own outcome. From any thread."""
        self._jobs.put(job)

    def require_room(self, waiting: int) -> None:
        """Raises Overloaded where a call behind so many others would wait too long, or forever."""
        if waiting >= self._max_waiting:
            raise Overloaded(f"{waiting:,} calls of the model are waiting; try again later")
        if self._closed:
            raise Overloaded("the app is stopping; try again later")
        if reason := self._hung.reason:
            raise Overloaded(reason)

    async def run[T](
        self, call: Callable[[], T], *, rows: int = 1, waits: Sequence[Wait] = ()
    ) -> T:
        """The call's result, or the error that it raised. `rows` are counted.

        The call's deadline begins when the call does, which sets `begun` of each of `waits`. How
        long it is queued is limited by the caller. Raises ScoringTimeout.
        """
        self.require_room(len(self._calls))
        queued = Call(call, timeout_s=self._timeout_s, waits=waits, rows=rows, on_end=self._ended)
        self._calls.add(queued)
        self._jobs.put(queued.run)
        try:
            return await queued.outcome
        finally:
            queued.leave()

    def run_inline[T](self, call: Callable[[], T], *, rows: int) -> T:
        """Run a call at once in the caller's thread, and count it."""
        began = time.monotonic()
        try:
            return call()
        finally:
            self._count(time.monotonic() - began, rows)

    def close(self) -> None:
        """Refuse new calls. The thread ends after the queued ones, or never if one hangs."""
        self._closed = True
        self._jobs.put(None)

    def _ended(self, call: Call[Any]) -> None:
        self._calls.discard(call)
        if call.began_at is not None:
            self._count(time.monotonic() - call.began_at, call.rows)
        if call.hangs:
            self._counts.call_timeouts.add()
            self._abandon_thread()

    def _abandon_thread(self) -> None:
        log.error("a call of the model ran past %g s; its thread is abandoned", self._timeout_s)
        abandoned = self._thread
        self._thread = self._start()
        self._hung.add(abandoned)
        if reason := self._hung.reason:
            for call in tuple(self._calls):
                call.fail(Overloaded(reason))

    def _count(self, seconds: float, rows: int) -> None:
        self._counts.call_seconds.observe(seconds)
        self._counts.call_rows.observe(rows)

    def _start(self) -> threading.Thread:
        thread = threading.Thread(target=self._serve, name="model", daemon=True)
        # `_serve` compares itself with `_thread`, so this is set before it starts.
        self._thread = thread
        thread.start()
        return thread

    def _serve(self) -> None:
        while threading.current_thread() is self._thread:
            job = self._jobs.get()
            if threading.current_thread() is not self._thread:
                self._jobs.put(job)  # abandoned while it waited for a job
                return
            if job is None:
                return
            try:
                job()
            except BaseException as error:  # noqa: BLE001 - the queued calls need this thread
                log.error("a job of the model thread failed: %s", format_error(error))
