"""When a worker shuts down: on SIGTERM, on SIGINT, or when its supervisor has died."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator

#: Seconds that running invocations have to finish.
DRAIN_S = 25
#: The same after the supervisor's death: the next host needs the port soon.
ORPHAN_DRAIN_S = 0.5
#: Seconds after the supervisor's death in which the worker ends, whatever is running.
ORPHAN_EXIT_S = 0.9

#: Standard input, a pipe from the supervisor. It reaches its end when the supervisor dies.
SUPERVISOR_FD = 0


class Shutdown:
    """Whether a shutdown was requested, and how long it may take."""

    def __init__(self) -> None:
        self.requested = asyncio.Event()
        self.drain_s: float = DRAIN_S

    def on_interrupt(self) -> None:
        if self.requested.is_set():
            os._exit(130)
        self.requested.set()

    def on_supervisor_death(self) -> None:
        self.drain_s = ORPHAN_DRAIN_S
        self.requested.set()


@contextlib.contextmanager
def handle() -> Iterator[Shutdown]:
    """Watch for all three. A second SIGINT ends the process at once."""
    loop = asyncio.get_running_loop()
    shutdown = Shutdown()
    loop.add_signal_handler(signal.SIGTERM, shutdown.requested.set)
    loop.add_signal_handler(signal.SIGINT, shutdown.on_interrupt)
    threading.Thread(target=_watch_supervisor, args=(loop, shutdown), daemon=True).start()
    try:
        yield shutdown
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
        loop.remove_signal_handler(signal.SIGINT)


def _watch_supervisor(loop: asyncio.AbstractEventLoop, shutdown: Shutdown) -> None:
    """Runs in a thread, so that an app that blocks the event loop does not keep the port."""
    os.read(SUPERVISOR_FD, 1)
    with contextlib.suppress(RuntimeError):  # the loop is closed already
        loop.call_soon_threadsafe(shutdown.on_supervisor_death)
    time.sleep(ORPHAN_EXIT_S)
    os._exit(1)
