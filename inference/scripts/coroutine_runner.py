"""Runs scripts whose functions are coroutines."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable
from typing import Any

#: An exception handler of asyncio: gets the loop and the context that it would log.
Handler = Callable[[Any, dict[str, Any]], None]


class CoroutineRunner:
    """Awaits what a script's function returned, if it is awaitable.

    Each model thread keeps one event loop for all its calls, so that every `run()` can use what
    `init()` opened there. The loop is closed when its thread ends.
    """

    def __init__(self, handler: Handler | None = None) -> None:
        """`handler` gets the exceptions of the script's tasks that nobody awaits."""
        self._handler = handler
        self._local = threading.local()

    def resolve(self, value: Any) -> Any:
        """The value, awaited if it is awaitable. Blocks the thread, which must not run a loop."""
        if not inspect.isawaitable(value):
            return value
        if not hasattr(self._local, "loop"):
            self._local.loop = _ThreadLoop(self._handler)
        return self._local.loop.run(value)


class _ThreadLoop:
    """An event loop that closes when its thread ends, because threading.local drops it then."""

    def __init__(self, handler: Handler | None) -> None:
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(handler)

    def run(self, awaitable: Any) -> Any:
        async def finish() -> Any:
            return await awaitable

        return self._loop.run_until_complete(finish())

    def __del__(self) -> None:
        # Tasks are not run to their end: the collector may call this in a thread with another loop.
        self._loop.close()
