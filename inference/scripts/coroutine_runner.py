"""Scripts whose functions are coroutines."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable
from typing import Any

#: As asyncio calls it: with the loop, and what it would log.
Handler = Callable[[Any, dict[str, Any]], None]


class CoroutineRunner:
    """Waits for what a script's function returned, where that is awaitable.

    Each model thread keeps one event loop over all its calls, so that what `init()` opened there
    serves every `run()`. A thread that is left behind takes its loop with it.
    """

    def __init__(self, handler: Handler | None = None) -> None:
        """`handler` is told what tasks of the script's raise that nobody awaits."""
        self._handler = handler
        self._own = threading.local()

    def __call__(self, value: Any) -> Any:
        """Blocks the calling thread, which must have no event loop running."""
        if not inspect.isawaitable(value):
            return value
        if not hasattr(self._own, "loop"):
            self._own.loop = _ThreadLoop(self._handler)
        return self._own.loop.run(value)


class _ThreadLoop:
    """Closes its loop when its thread ends: a thread drops what is local to it."""

    def __init__(self, handler: Handler | None) -> None:
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(handler)

    def run(self, awaitable: Any) -> Any:
        async def finish() -> Any:
            return await awaitable

        return self._loop.run_until_complete(finish())

    def __del__(self) -> None:
        # Nothing is run to its end here: the collector may call this where another loop runs.
        self._loop.close()
