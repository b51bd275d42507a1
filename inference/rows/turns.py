"""Lets the event loop have the interpreter while a thread reads a long body, part by part.

A thread that waits for the interpreter asks for it after 5 ms (sys.setswitchinterval), but each
time the other one gives it up, these begin anew. NumPy gives it up for each copy of some hundred
numbers and takes it back before the waiting thread has woken. So the event loop waited until the
whole body was read: 35 ms for 4 MB of records, 6 ms with these pauses.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

#: Seconds of work between two pauses, and of a pause: enough for a thread to wake.
WORK_S, PAUSE_S = 0.004, 0.0001


def in_turns[T](parts: Iterable[T]) -> Iterator[T]:
    """The parts, with a pause where other threads had no turn for long."""
    began = time.monotonic()
    for part in parts:
        yield part
        if time.monotonic() - began > WORK_S:
            time.sleep(PAUSE_S)
            began = time.monotonic()
