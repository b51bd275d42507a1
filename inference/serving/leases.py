"""One process at a time computes what is dear: the others wait for what it stores.

A lease is of a whole set of names, under a name made of all of them. It keeps equal requests that
reach several processes at once from being computed by each, which is what happens when something
dear expires; a computation of other rows, some of them shared, waits for nobody and repeats at
most what it shares. A lease of each name would take as many orders as there are rows.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
from collections.abc import Sequence
from typing import Self

from inference.ports import Cache
from inference.serving.cache_policy import LEASE_FROM_S

log = logging.getLogger(__name__)

#: Seconds between two looks for what another process computes.
LOOK_S = 0.01
#: How many times longer than usual the other may take before it counts as gone.
PATIENCE = 3.0
#: Seconds that a lease lasts at most: so long does a process that died hold up the others.
MAX_S = 30.0
#: Seconds that giving a lease back may take; after them it ends by itself.
GIVE_BACK_S = 1.0
#: Of more names than these the order counts: to sort them would hold up the event loop.
MAX_SORTED = 1_000


class Lease:
    """Taken on entering, given back on leaving; `brought` holds what another process stored.

    Without the shared cache, or for what is cheap, there is none and nobody waits.
    """

    def __init__(self, cache: Cache, names: Sequence[str], *, cost_s: float) -> None:
        self._cache, self._names = cache, names
        self._wanted = cost_s * len(names) >= LEASE_FROM_S
        self._limit_s = min(cost_s * len(names) * PATIENCE, MAX_S)
        self._name = _name(names) if self._wanted else ""
        self._held = False
        self.brought: list[bytes] | None = None

    async def __aenter__(self) -> Self:
        if self._wanted:
            with contextlib.suppress(ConnectionError):
                if not await self._take():
                    self.brought = await self._wait()
                    if self.brought is None:
                        await self._take()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if not self._held:
            return
        with contextlib.suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(GIVE_BACK_S):
                if kind is None:  # whoever waits looks for what was stored once this is given back
                    await self._cache.flush()
                await self._cache.release(self._name)

    async def _take(self) -> bool:
        self._held = await self._cache.lease(self._name, ttl_s=self._limit_s)
        return self._held

    async def _wait(self) -> list[bytes] | None:
        """What the holder stored; None where it gave the lease back without, or takes too long."""
        clock = asyncio.get_running_loop().time
        deadline = clock() + self._limit_s
        held = True
        while held and clock() < deadline:
            await asyncio.sleep(LOOK_S)
            # Asked first: what is not stored by the time it is given back never will be.
            held = await self._cache.leased(self._name)
            entries = await self._cache.get_many(self._names)
            found = [entry.value for entry in entries if entry is not None]
            if len(found) == len(entries):
                return found
        return None


def _name(names: Sequence[str]) -> str:
    """One name for all of them, whichever stands first."""
    if len(names) == 1:
        return names[0]
    ordered = sorted(names) if len(names) <= MAX_SORTED else names
    return hashlib.sha256("\n".join(ordered).encode()).hexdigest()
