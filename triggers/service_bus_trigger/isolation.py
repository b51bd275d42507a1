"""Finds the message that ends the process, and spares those beside it.

When a process ends, the broker delivers all messages again that were in work. A message that ends
it each time would take its neighbours to the dead-letter queue. So messages that come for the third
time are scored a few at a time. Of those that the process ended with, each is scored alone. The one
with which it ends twice more is given up.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from inference.errors import Overloaded
from inference.results.crashes import Crashes

#: Deliveries before this one are scored at full speed: most processes end for other reasons.
FROM_DELIVERY = 3
#: Messages that are scored at the same time in the process, unless one is scored alone.
TOGETHER = 8
#: The process may end so often: once with up to TOGETHER messages in work, then twice with one. A
#: message beside which the process is ended for another reason is not given up so soon.
MAX_CRASHES = 3


class RepeatedCrash(Exception):
    """The process ended MAX_CRASHES times while this message was scored."""


class Isolation:
    """For one event loop."""

    def __init__(self, crashes: Crashes) -> None:
        self._crashes = crashes
        self._places = asyncio.Semaphore(TOGETHER)
        self._alone = asyncio.Lock()

    def __repr__(self) -> str:
        return f"<Isolation {self._places!r}>"

    @asynccontextmanager
    async def turn(self, request_id: str, *, wait_s: float | None = None) -> AsyncIterator[None]:
        """A block that scores one message. Waits for its turn: at most `wait_s`, or without limit.

        Raises RepeatedCrash, Overloaded.
        """
        crashes = await self._crashes.count(request_id)
        if crashes >= MAX_CRASHES:
            raise RepeatedCrash
        async with AsyncExitStack() as places:
            try:
                async with asyncio.timeout(wait_s):
                    await self._enter(places, alone=crashes > 0)
            except TimeoutError as error:
                raise Overloaded(
                    "the messages before this one took too long; try again later"
                ) from error
            await self._crashes.set(request_id, crashes + 1)
            try:
                yield
            finally:
                await self._crashes.set(request_id, crashes)

    async def _enter(self, places: AsyncExitStack, *, alone: bool) -> None:
        if alone:
            await places.enter_async_context(self._alone)
        for _ in range(TOGETHER if alone else 1):
            await places.enter_async_context(self._places)
