"""Work that no call of the platform carries: it lives as long as the process' event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

#: An event loop itself holds no task.
_running: set[asyncio.Task[None]] = set()


def begin(work: Coroutine[Any, Any, None]) -> None:
    """Begin it where the platform loads the app, which is on its event loop."""
    try:
        task = asyncio.get_running_loop().create_task(work)
    except RuntimeError:  # loaded to be looked at
        work.close()
        return
    _running.add(task)
    task.add_done_callback(_running.discard)
