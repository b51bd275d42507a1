"""Threads left behind with calls that never came back, and what is done when there are too many."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Callable

log = logging.getLogger(__name__)

#: Threads that may be left behind with calls that hang; each one keeps its memory and its core.
MAX_HUNG = 8
#: Seconds from then until the process ends: whoever asks whether it is ready sees why.
END_AFTER_S = 5.0
#: The exit code of a process that ended so (EX_SOFTWARE), for its parent to start another.
EXIT_CODE = 70


class HungThreads:
    """Counts them; calls `exit_process` if MAX_HUNG hang and none has come back after a while."""

    def __init__(self, exit_process: Callable[[], None] | None = None) -> None:
        self._exit_process = exit_process
        self._threads: list[threading.Thread] = []

    def __repr__(self) -> str:
        return f"<HungThreads {len(self._alive())} of {MAX_HUNG}>"

    @property
    def reason(self) -> str | None:
        """Why nothing can be called any more; None while something can."""
        if len(self._threads) < MAX_HUNG or len(self._alive()) < MAX_HUNG:
            return None
        return f"{MAX_HUNG} calls hang and none comes back; the app must start anew"

    def add(self, thread: threading.Thread) -> None:
        """One more is left behind. To be called on an event loop."""
        self._threads.append(thread)
        if self.reason and self._exit_process is not None:
            asyncio.get_running_loop().call_later(END_AFTER_S, self._look, self._exit_process)

    def _alive(self) -> list[threading.Thread]:
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        return self._threads

    def _look(self, exit_process: Callable[[], None]) -> None:
        if reason := self.reason:
            log.critical("%s: the process ends", reason)
            exit_process()


def exit_process() -> None:
    """End at once, whatever hangs. Nothing that can't be asked for again is lost."""
    logging.shutdown()
    os._exit(EXIT_CODE)
