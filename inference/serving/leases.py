"""Leases let one process compute expensive units while other processes wait for what it stores.

This matters when something expensive expires and equal requests reach several processes. A lease
is for a whole set of units, under a key made of all their keys. A computation of other units waits
for none, and repeats at most the units that both share. A lease for each unit would take as many
commands as there are rows.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Sequence
from typing import Self

from inference.ports import Cache
from inference.serving.cache_policy import LEASE_FROM_S

#: Seconds between two lookups of what another process computes.
LOOKUP_S = 0.01
#: How many times longer than usual the holder may take before it counts as gone.
PATIENCE = 3.0
#: Longest life of a lease in seconds: a process that died delays the others this long.
MAX_S = 30.0
#: Seconds that releasing a lease may take. It expires anyway.
RELEASE_S = 1.0
#: Keys of more units than these are not sorted, which would block the event loop.
MAX_SORTED = 1_000


class Lease:
    """Taken on entry, released on exit. If another process held it, `answers` has what it stored.

    Without a shared cache, or for cheap units, there is no lease and nobody waits.
    """

    def __init__(self, cache: Cache, keys: Sequence[str], *, cost_s: float) -> None:
        """`cost_s`: what a unit takes to compute."""
        self._cache, self._keys = cache, keys
        self._wanted = cost_s * len(keys) >= LEASE_FROM_S
        self._limit_s = min(cost_s * len(keys) * PATIENCE, MAX_S)
        self._key = _lease_key(keys) if self._wanted else ""
        self._held = False
        self.answers: list[bytes] | None = None

    async def __aenter__(self) -> Self:
        if self._wanted:
            with contextlib.suppress(ConnectionError):
                if not await self._take():
                    self.answers = await self._wait()
                    if self.answers is None:
                        await self._take()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if not self._held:
            return
        with contextlib.suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(RELEASE_S):
                if kind is None:  # other processes look up the answers once the lease is released
                    await self._cache.flush()
                await self._cache.release(self._key)

    async def _take(self) -> bool:
        self._held = await self._cache.lease(self._key, ttl_s=self._limit_s)
        return self._held

    async def _wait(self) -> list[bytes] | None:
        """What the holder stored; None if it released the lease without, or takes too long."""
        clock = asyncio.get_running_loop().time
        deadline = clock() + self._limit_s
        held = True
        while held and clock() < deadline:
            await asyncio.sleep(LOOKUP_S)
            # Before the lookup: a holder stores its answers before it releases the lease.
            held = await self._cache.is_leased(self._key)
            entries = await self._cache.get_many(self._keys)
            found = [entry.value for entry in entries if entry is not None]
            if len(found) == len(entries):
                return found
        return None


def _lease_key(keys: Sequence[str]) -> str:
    """One key for all of them, in any order."""
    if len(keys) == 1:
        return keys[0]
    ordered = sorted(keys) if len(keys) <= MAX_SORTED else keys
    return hashlib.sha256("\n".join(ordered).encode()).hexdigest()
