"""Batches read and format one at a time, and leave the event loop its share in between.

Threads share the interpreter with the event loop. Each one that works may keep the loop from it for
milliseconds, so HTTP would wait longer with each batch.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, BinaryIO, cast

from inference.rows.streams import READ_BYTES, Unclosed

#: Runs a blocking function; like asyncio.to_thread.
InThread = Callable[..., Awaitable[Any]]

#: Seconds of work after which a batch lets the event loop go first.
REST_AFTER_S = 0.0005
#: A turn of an event loop that is not busy takes less than the first. Nobody waits longer than the
#: second for a turn.
QUIET_TURN_S, LONG_TURN_S = 0.0003, 0.05


class BatchTurns:
    """One a process. Only one thread works in `run` at a time."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        #: The thread that has the turn.
        self._owner: int | None = None

    def __repr__(self) -> str:
        return f"<BatchTurns {'taken' if self._turn.locked() else 'free'}>"

    async def run[T](self, in_thread: InThread, call: Callable[..., T], *args: Any) -> T:
        """The result of a blocking call.

        In a thread it takes its turn. Before the next one the event loop has a turn, or more turns
        while it is busy: about as long as this call worked.
        """
        loop = asyncio.get_running_loop()
        result: T = await in_thread(self._take, loop, call, *args)
        return result

    def outside(self, source: BinaryIO) -> BinaryIO:
        """The source for calls in `run`. While it waits for bytes, other batches work."""
        return cast(BinaryIO, Unclosed(_Outside(source, self), READ_BYTES))

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Let other batches work. Does nothing in a thread that has not the turn."""
        if self._owner != threading.get_ident():
            yield
            return
        self._owner = None
        self._turn.release()
        try:
            yield
        finally:
            self._turn.acquire()
            self._owner = threading.get_ident()

    def _take[T](self, loop: asyncio.AbstractEventLoop, call: Callable[..., T], *args: Any) -> T:
        if _runs_on(loop):
            return call(*args)
        with self._turn:
            self._owner = threading.get_ident()
            began = time.thread_time()
            try:
                result = call(*args)
            finally:
                self._owner = None
            worked_s = time.thread_time() - began
            if worked_s > REST_AFTER_S:
                with contextlib.suppress(RuntimeError):  # the loop was closed
                    _rest(loop, worked_s)
        return result


def _runs_on(loop: asyncio.AbstractEventLoop) -> bool:
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:  # no loop runs in this thread
        return False


def _rest(loop: asyncio.AbstractEventLoop, seconds: float) -> None:
    """Wait for a turn of the event loop, and until it is not busy or `seconds` have passed."""
    now = time.perf_counter()
    end = now + seconds
    while now < end:
        turn = threading.Event()
        loop.call_soon_threadsafe(turn.set)
        turn.wait(LONG_TURN_S)
        began, now = now, time.perf_counter()
        if now - began < QUIET_TURN_S:
            return


class _Outside(io.RawIOBase):
    """A source that is read without the turn."""

    def __init__(self, source: BinaryIO, turns: BatchTurns) -> None:
        self._source, self._turns = source, turns

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        with self._turns.paused():
            content = self._source.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)
