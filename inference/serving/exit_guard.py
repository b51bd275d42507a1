"""Keeps the interpreter from exiting in the middle of an import.

At exit Python stops daemon threads wherever they are. Where one of them holds the lock of an
import, the exit waits for that lock forever.
"""

from __future__ import annotations

import atexit
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from inference.errors import ModelUnavailable

#: Seconds that imports may delay the exit.
MAX_DELAY_S = 5.0

_exiting = threading.Event()
_guarded: set[threading.Event] = set()


@contextmanager
def guard() -> Iterator[None]:
    """The exit waits for this block. Raises ModelUnavailable once the exit has begun."""
    ended = threading.Event()
    _guarded.add(ended)
    try:
        if _exiting.is_set():
            raise ModelUnavailable("the process is exiting")
        yield
    finally:
        _guarded.discard(ended)
        ended.set()


@atexit.register
def _wait() -> None:
    _exiting.set()
    deadline = time.monotonic() + MAX_DELAY_S
    for ended in tuple(_guarded):
        ended.wait(max(0.0, deadline - time.monotonic()))
