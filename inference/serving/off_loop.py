"""Keeps long work from blocking the event loop: it runs in threads, or on the loop in pieces.

How long work on a body takes depends on its cells, not on its bytes alone: 36 KB of Parquet may
hold 6,400,000 cells. A thread still shares the interpreter with the event loop, so there are few:
each one that wants the interpreter may keep it from the loop for 5 ms.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from inference.rows import media_types

#: A body of no more bytes and cells is read on the event loop, in 10 ms at most.
INLINE_BYTES = 64 * 1024
INLINE_CELLS = 8 * 1024
#: An answer of no more bytes is converted to another format on the event loop.
INLINE_ANSWER_BYTES = 16 * 1024
#: Longer bodies have a thread of their own, so that shorter ones need not wait for them.
LONG_BYTES = 1024 * 1024

#: Looking up or storing so many rows keeps the event loop busy for some 3 ms. More rows are cut
#: into pieces: 100,000 at once would hold up everybody else for a second.
PIECE_ROWS = 1_000

_SHORT = ThreadPoolExecutor(2, thread_name_prefix="bodies")
_LONG = ThreadPoolExecutor(1, thread_name_prefix="long-bodies")

#: Bytes of a number, in the header of an array.
_ITEM_BYTES = re.compile(rb"'descr': *'[<>|=][a-z](\d{1,2})'")


async def off_loop[T](quick: bool, size: int, call: Callable[[], T]) -> T:
    """The result of `call`, which works on `size` bytes: in a thread unless it is `quick`."""
    if quick:
        return call()
    pool = _LONG if size > LONG_BYTES else _SHORT
    return await asyncio.get_running_loop().run_in_executor(pool, call)


async def in_pieces(count: int, size: int = PIECE_ROWS) -> AsyncIterator[range]:
    """Consecutive rows, at most `size` at a time. The event loop runs other work in between."""
    for start in range(0, count, size):
        yield range(start, min(start + size, count))
        await asyncio.sleep(0)


def is_quick(body: bytes, content_type: str) -> bool:
    """Whether an uncompressed body can be read on the event loop."""
    if len(body) > INLINE_BYTES:
        return False
    form = media_types.known_format(content_type, body)
    if form in media_types.COLUMNAR:
        return False
    if form == media_types.NPY:
        item = _ITEM_BYTES.search(body, 0, 128)
        return item is not None and len(body) // max(1, int(item[1])) <= INLINE_CELLS
    values = np.frombuffer(body, np.uint8)  # bytes.count takes four times as long
    marks = np.count_nonzero(values == ord(",")) + np.count_nonzero(values == ord("\n"))
    return bool(marks <= INLINE_CELLS)
