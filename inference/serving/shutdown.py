"""What is closed when the process stops. No platform tells an app, so that a task waits for it.

Whoever runs the event loop cancels every task in the end and lets each finish, as asyncio.Runner
does: here that is what closes. A process that is killed closes nothing, and needs nothing closed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from inference.tracebacks import format_error

log = logging.getLogger(__name__)

#: Seconds for each that closes; a process that is to end waits no longer.
CLOSE_S = 15.0

Close = Callable[[], Awaitable[object]]

#: The event loop itself holds its tasks by weak references.
_running: set[asyncio.Task[None]] = set()


def close_with_loop(*closes: Close) -> None:
    """Close these in their order when the running event loop ends; without one, never."""
    run_with_loop(_wait(closes))


def run_with_loop(work: Coroutine[Any, Any, None]) -> None:
    """Run until the running event loop ends, which cancels it; without a loop, never."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:  # a tool that only looks at the app
        work.close()
        return
    task = loop.create_task(work)
    _running.add(task)
    task.add_done_callback(_running.discard)


async def _wait(closes: tuple[Close, ...]) -> None:
    try:
        await asyncio.get_running_loop().create_future()
    finally:
        for close in closes:
            await _end(close)


async def _end(close: Close) -> None:
    try:
        async with asyncio.timeout(CLOSE_S):
            await close()
    except Exception as error:  # noqa: BLE001 - the next one is to be closed in any case
        log.error("failed to close: %s", format_error(error))
