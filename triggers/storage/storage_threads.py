"""Threads for the work on blobs, apart from those that read HTTP bodies.

They have a lower priority than the event loop, which halves the time of HTTP requests beside a
batch. The batch is hardly slower.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from triggers.storage.storage_errors import storage_call

#: Added to the niceness of the process.
NICER = 10


def _lower_priority() -> None:
    """Of the current thread, which has that of the thread that started it.

    Only Linux has priorities of threads.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            process = os.getpriority(os.PRIO_PROCESS, os.getpid())
            os.setpriority(os.PRIO_PROCESS, 0, process + NICER)


#: A blob that is being scored uses one at a time. The thread of a cancelled call is busy until the
#: SDK's timeouts.
THREADS = 32
#: Threads that read and write parts of blobs ahead. They run only calls of the SDK, which end by
#: its timeouts: none waits for another.
TRANSFERS = ThreadPoolExecutor(16, thread_name_prefix="transfer", initializer=_lower_priority)


async def at_once[**P, T](call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """As BlobThreads.work, but on the event loop: for what takes less time than a thread would."""
    return call(*args, **kwargs)


class BlobThreads:
    """`work` runs any call, `storage` a call of the SDK."""

    def __init__(self, threads: int = THREADS) -> None:
        self._threads = ThreadPoolExecutor(
            threads, thread_name_prefix="blob", initializer=_lower_priority
        )

    def __repr__(self) -> str:
        return f"<BlobThreads {self._threads!r}>"

    async def work[**P, T](self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """As asyncio.to_thread."""
        context = contextvars.copy_context()
        return await asyncio.get_running_loop().run_in_executor(
            self._threads, lambda: context.run(call, *args, **kwargs)
        )

    async def storage[**P, T](self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Raises AzureError and nothing else."""

        def run() -> T:
            with storage_call():
                return call(*args, **kwargs)

        return await self.work(run)

    def close(self) -> None:
        """Return at once. Calls that run are not interrupted."""
        self._threads.shutdown(wait=False, cancel_futures=True)
