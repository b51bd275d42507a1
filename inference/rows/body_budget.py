"""A bound on the memory of all bodies that are read at the same time.

A body counts as the most memory that reading it may take (inference.rows.body_memory). A body that
is alone is admitted whatever it counts, because each body has a limit of its own. Small bodies have
a share to themselves, so a long body that waits does not get them refused.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from inference.errors import Overloaded

#: The share of the limit that only small bodies use, and the share that one small body may take.
SMALL_SHARE, SMALL = 1 / 8, 1 / 256


class BodyBudget:
    """For one event loop."""

    def __init__(self, limit: int) -> None:
        self._small_size = int(limit * SMALL)
        self._small = _Room(int(limit * SMALL_SHARE))
        self._any = _Room(limit - self._small.limit)

    def __repr__(self) -> str:
        return f"<BodyBudget small: {self._small!r}, any: {self._any!r}>"

    @asynccontextmanager
    async def hold(self, size: int, *, patient: bool) -> AsyncIterator[None]:
        """Count a body while the block runs. Raises as `take` does."""
        held = await self.take(size, patient=patient)
        try:
            yield
        finally:
            held.give()

    async def take(self, size: int, *, patient: bool) -> BodyHold:
        """Count a body until its hold is given back. `size`: its memory in bytes.

        Without room, waits in a queue if `patient`, and raises Overloaded otherwise.
        """
        room = self._any
        if size <= self._small_size and self._small.held + size <= self._small.limit:
            room = self._small
        await room.take(size, patient=patient)
        return BodyHold(room, size)


class BodyHold:
    """The bytes counted for one body. Give them back exactly once."""

    __slots__ = ("_room", "_size")

    def __init__(self, room: _Room, size: int) -> None:
        self._room, self._size = room, size

    def give(self) -> None:
        self._room.give(self._size)


class _Room:
    """A number of bytes, handed out in the order of the requests."""

    def __init__(self, limit: int) -> None:
        self.limit, self.held = limit, 0
        self._queue: deque[tuple[int, asyncio.Future[None]]] = deque()

    def __repr__(self) -> str:
        return f"{self.held:,} of {self.limit:,} bytes, {len(self._queue)} waiting"

    async def take(self, size: int, *, patient: bool) -> None:
        if not self._queue and self._fits(size):
            self.held += size
            return
        if not patient:
            raise Overloaded(
                f"the bodies in work may take {self.held:,} bytes of memory, and there is no room"
                f" for {size:,} more (MAX_BODIES_IN_WORK_BYTES); try again later"
            )
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append((size, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # it was admitted at the same moment
                self.held -= size
            self._let_in()
            raise

    def give(self, size: int) -> None:
        self.held -= size
        self._let_in()

    def _let_in(self) -> None:
        while self._queue:
            size, turn = self._queue[0]
            if not turn.cancelled() and not self._fits(size):
                return
            self._queue.popleft()
            if not turn.cancelled():
                self.held += size
                turn.set_result(None)

    def _fits(self, size: int) -> bool:
        return self.held == 0 or self.held + size <= self.limit
