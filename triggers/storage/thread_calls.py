"""Calls that run in a thread, with a limit on how long their caller waits.

A thread can't be ended from outside. A call that its caller gives up goes on until it looks at its
flag, so what it holds is given back only when its thread ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future

#: Returns whether the caller has given the call up.
type IsStopped = Callable[[], bool]


class ThreadCall[T]:
    """For one event loop. `call` gets a function that says whether it should stop."""

    def __init__(self, threads: Executor, call: Callable[[IsStopped], T]) -> None:
        self._stopped = threading.Event()
        self._loop = asyncio.get_running_loop()
        self._future: Future[T] = threads.submit(call, self._stopped.is_set)

    def __repr__(self) -> str:
        return f"<ThreadCall {self._future!r}>"

    async def result(self, within_s: float) -> T:
        """The call's result. Raises TimeoutError, and stops the call if it is cancelled."""
        try:
            async with asyncio.timeout(within_s):
                return await asyncio.wrap_future(self._future)
        finally:
            self._stopped.set()  # a call that has ended doesn't look

    def when_ended(self, then: Callable[[], object]) -> None:
        """Run `then` on the event loop: now if no thread runs the call, or else when it ends."""
        if self._future.done():
            then()
            return

        def ended(_: Future[T]) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(then)

        self._future.add_done_callback(ended)
