"""Where work on a body is done: beside the event loop where it takes long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

#: Bodies above this many bytes are read and written in a thread: the event loop serves others.
INLINE_BYTES = 64 * 1024


async def off_loop[T](size: int, call: Callable[[], T]) -> T:
    """What `call` makes of `size` bytes."""
    return call() if size <= INLINE_BYTES else await asyncio.to_thread(call)
