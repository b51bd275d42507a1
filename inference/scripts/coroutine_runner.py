"""Calls a script's functions, which may be coroutines, in a thread that has an event loop."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable, Mapping
from typing import Any

#: An exception handler of asyncio: gets the loop and the context that it would log.
Handler = Callable[[Any, dict[str, Any]], None]


class CoroutineRunner:
    """Calls a script's functions, and awaits what they return if it is awaitable.

    Each model thread keeps one event loop for all its calls, so that every `run()` can use what
    `init()` opened there. A plain function gets it from asyncio.get_event_loop(), as in the main
    thread in which Azure ML's server calls it. The loop is closed when its thread ends.
    """

    def __init__(self, handler: Handler | None = None) -> None:
        """`handler` gets the exceptions of the script's tasks that nobody awaits."""
        self._handler = handler
        self._local = threading.local()

    def call(self, function: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
        """The function's value, awaited if it is awaitable. As `resolve`."""
        self._provide_loop()
        return self.resolve(function(**arguments))

    def resolve(self, value: Any) -> Any:
        """The value, awaited if it is awaitable. Blocks the thread, which must not run a loop."""
        if not inspect.isawaitable(value):
            return value
        return self._thread_loop().run(value)

    def _provide_loop(self) -> None:
        """Let asyncio.get_event_loop() find a loop, unless the script has set one of its own."""
        try:
            if not asyncio.get_event_loop().is_closed():
                return
        # None was set, or asyncio.run() has removed it. In the main thread that is a warning.
        except (RuntimeError, DeprecationWarning):
            pass
        self._thread_loop().make_current()

    def _thread_loop(self) -> _ThreadLoop:
        loop: _ThreadLoop | None = getattr(self._local, "loop", None)
        if loop is None or loop.is_closed:
            loop = self._local.loop = _ThreadLoop(self._handler)
        return loop


class _ThreadLoop:
    """An event loop that closes when its thread ends, because threading.local drops it then."""

    def __init__(self, handler: Handler | None) -> None:
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(handler)

    @property
    def is_closed(self) -> bool:
        """Whether the script has closed it."""
        return self._loop.is_closed()

    def make_current(self) -> None:
        asyncio.set_event_loop(self._loop)

    def run(self, awaitable: Any) -> Any:
        async def finish() -> Any:
            return await awaitable

        return self._loop.run_until_complete(finish())

    def __del__(self) -> None:
        # Tasks are not run to their end: the collector may call this in a thread with another loop.
        self._loop.close()
