"""Many rows, a piece at a time: between two pieces the event loop is everybody else's.

What is done for each row on the event loop takes a few microseconds: for 100,000 rows at once it
would hold up all others for a second.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

#: Rows whose look-up, or whose storing, takes some 3 ms of the event loop. More are many.
ROWS = 1_000
#: Rows that the model is asked for at once. Between two calls the others have their turn with it.
CALL_ROWS = 4_000


async def of(count: int, size: int = ROWS) -> AsyncIterator[range]:
    """Consecutive rows, at most `size` of them; after each piece the event loop has its turn."""
    for start in range(0, count, size):
        yield range(start, min(start + size, count))
        await asyncio.sleep(0)
