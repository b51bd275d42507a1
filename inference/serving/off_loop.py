"""Where work on a body is done: beside the event loop, unless it is certain to take a moment.

What a body costs is told by what it holds, not by its bytes alone: 36 KB of Parquet may be
6,400,000 cells. Work beside the loop still shares the interpreter with it, so it is done in parts,
and by few threads: each one that wants the interpreter may keep it from the loop for 5 ms.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from inference.rows import media_types

#: A body of no more bytes and cells is read on the event loop itself, which takes 10 ms at worst.
INLINE_BYTES = 64 * 1024
INLINE_CELLS = 8 * 1024
#: An answer of no more bytes is brought into another format there.
INLINE_ANSWER_BYTES = 16 * 1024
#: Longer bodies have a thread of their own, so that the others need not stand behind them.
LONG_BYTES = 1024 * 1024

_SHORT = ThreadPoolExecutor(2, thread_name_prefix="bodies")
_LONG = ThreadPoolExecutor(1, thread_name_prefix="long-bodies")

#: Bytes of a number, in the header of an array.
_ITEM_BYTES = re.compile(rb"'descr': *'[<>|=][a-z](\d{1,2})'")


async def off_loop[T](quick: bool, size: int, call: Callable[[], T]) -> T:
    """What `call` makes of `size` bytes; on the loop where it is `quick`."""
    if quick:
        return call()
    pool = _LONG if size > LONG_BYTES else _SHORT
    return await asyncio.get_running_loop().run_in_executor(pool, call)


def is_quick(body: bytes, content_type: str) -> bool:
    """Whether a body, which nothing packs, is read in a moment."""
    if len(body) > INLINE_BYTES:
        return False
    form = media_types.known_format(content_type, body)
    if form in media_types.COLUMNAR:
        return False
    if form == media_types.NPY:
        item = _ITEM_BYTES.search(body, 0, 128)
        return item is not None and len(body) // max(1, int(item[1])) <= INLINE_CELLS
    return body.count(b",") + body.count(b"\n") <= INLINE_CELLS
