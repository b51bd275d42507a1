"""Counts threads whose calls hang, and exits the process when there are too many."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Callable

log = logging.getLogger(__name__)

#: Threads that may hang. Each one keeps its memory, and maybe a core.
MAX_HUNG = 8
#: Seconds from then until the process exits. Readiness checks see the reason in this time.
EXIT_AFTER_S = 5.0
#: EX_SOFTWARE. The parent process starts a new one.
EXIT_CODE = 70


class HungThreads:
    """Abandoned threads. If MAX_HUNG of them hang for EXIT_AFTER_S, it calls `exit_process`."""

    def __init__(self, exit_process: Callable[[], None] | None = None) -> None:
        self._exit_process = exit_process
        self._threads: list[threading.Thread] = []

    def __repr__(self) -> str:
        return f"<HungThreads {len(self._alive())} of {MAX_HUNG}>"

    @property
    def reason(self) -> str | None:
        """Why the model can't be called any more; None while it can."""
        if len(self._threads) < MAX_HUNG or len(self._alive()) < MAX_HUNG:
            return None
        return f"{MAX_HUNG} calls of the model hang; the app must be restarted"

    def add(self, thread: threading.Thread) -> None:
        """Count an abandoned thread. Needs a running event loop."""
        self._threads.append(thread)
        if self.reason and self._exit_process is not None:
            loop = asyncio.get_running_loop()
            loop.call_later(EXIT_AFTER_S, self._exit_if_hung, self._exit_process)

    def _alive(self) -> list[threading.Thread]:
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        return self._threads

    def _exit_if_hung(self, exit_process: Callable[[], None]) -> None:
        if reason := self.reason:
            log.critical("%s: the process exits", reason)
            exit_process()


def exit_process() -> None:
    """Exit at once, whatever hangs. Only what can be requested again is lost."""
    logging.shutdown()
    os._exit(EXIT_CODE)
