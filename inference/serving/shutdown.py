"""Ends background tasks, and closes what the app opened, when its event loop ends.

The platform doesn't notify an app that it stops. But what runs the event loop cancels all tasks at
the end and lets each finish, as asyncio.Runner does. So a task waits for its cancellation and then
closes. A process that is killed closes nothing; nothing depends on it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from inference.tracebacks import format_error

log = logging.getLogger(__name__)

#: Seconds for each `close`. A stopping process waits no longer.
CLOSE_S = 15.0

Close = Callable[[], Awaitable[object]]

#: The event loop holds its tasks only by weak references.
_tasks: set[asyncio.Task[None]] = set()


def close_with_loop(*closes: Close) -> None:
    """Call these in order when the running event loop ends. Without such a loop, do nothing."""
    run_with_loop(_close_at_end(closes))


def run_with_loop(work: Coroutine[Any, Any, None]) -> None:
    """Run until the running event loop ends and cancels it. Without such a loop, do nothing."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:  # a tool that only inspects the app
        work.close()
        return
    task = loop.create_task(work)
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)


async def _close_at_end(closes: tuple[Close, ...]) -> None:
    try:
        await asyncio.get_running_loop().create_future()
    finally:
        for close in closes:
            await _call(close)


async def _call(close: Close) -> None:
    try:
        async with asyncio.timeout(CLOSE_S):
            await close()
    except Exception as error:  # noqa: BLE001 - the next one is to be closed in any case
        log.error("failed to close: %s", format_error(error))
