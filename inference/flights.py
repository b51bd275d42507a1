"""One computation a key: who asks for what is being computed waits for that."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any


class Flights[T]:
    """Computations under way, by key.

    A flight belongs to nobody who waits for it: a waiter that is cancelled leaves alone, and a
    flight that everybody left still lands, so that what it computed can be stored.
    """

    def __init__(self) -> None:
        self._flights: dict[str, asyncio.Task[T]] = {}

    def __repr__(self) -> str:
        return f"<Flights under_way={len(self._flights)}>"

    async def join(self, key: str, compute: Callable[[], Coroutine[Any, Any, T]]) -> tuple[T, bool]:
        """The result, and whether somebody else's flight brought it."""
        flight = self._flights.get(key)
        joined = flight is not None
        if flight is None:
            flight = asyncio.get_running_loop().create_task(compute())
            self._flights[key] = flight
            flight.add_done_callback(partial(self._land, key))
        return await asyncio.shield(flight), joined

    async def close(self) -> None:
        """Wait until every flight has landed."""
        while self._flights:
            await asyncio.wait(list(self._flights.values()))

    def _land(self, key: str, flight: asyncio.Task[T]) -> None:
        del self._flights[key]
        if not flight.cancelled():
            flight.exception()  # every waiter may have left: it counts as looked at
