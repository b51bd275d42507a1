"""Overlaps the stages of a pipeline: each works on the next item while the one after it is busy."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import NamedTuple, Self

from inference.errors import InternalError


class _End(NamedTuple):
    """Follows the last item. `error`: what ended the source, if anything did."""

    error: BaseException | None


class Prefetch[T]:
    """Runs a source in a task of its own, up to `count` items ahead of its consumer.

    Use it as `async with Prefetch(source) as items` and iterate over `items`. They keep their
    order, and the source's error is raised after the items before it. The task ends with the block.
    """

    def __init__(self, source: AsyncGenerator[T], count: int = 1) -> None:
        self._source = source
        #: Taken before an item is made, so that it bounds the memory of all items.
        self._room = asyncio.Semaphore(count)
        self._queue: asyncio.Queue[T | _End] = asyncio.Queue()
        self._task: asyncio.Task[None]

    def __repr__(self) -> str:
        return f"<Prefetch {self._queue.qsize()} items of {self._source!r}>"

    async def __aenter__(self) -> Self:
        self._task = asyncio.get_running_loop().create_task(self._fill())
        # Not a `finally` in the task: one that is cancelled before its first step never runs.
        self._task.add_done_callback(self._task_ended)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        item = await self._queue.get()
        if not isinstance(item, _End):
            self._room.release()
            return item
        self._queue.put_nowait(item)
        if item.error is None:
            raise StopAsyncIteration
        if isinstance(item.error, Exception):
            raise item.error
        raise InternalError(type(item.error).__name__)

    async def _fill(self) -> None:
        async with aclosing(self._source) as source:
            while True:
                await self._room.acquire()
                try:
                    item = await anext(source)
                except StopAsyncIteration:
                    return
                self._queue.put_nowait(item)

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        self._queue.put_nowait(_End(error))
