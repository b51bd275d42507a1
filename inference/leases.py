"""One process at a time computes what is dear: the others wait for what it stores."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from typing import Self

from inference.ports import Cache

#: Seconds that a unit must take before asking for a lease costs little beside it.
WORTHWHILE_S = 0.05
#: Seconds between two looks for what another process computes.
LOOK_S = 0.01
#: How many times longer than usual the other may take before it counts as gone.
PATIENCE = 3.0


class Lease:
    """Taken on entering, given back on leaving; `brought` holds what another process stored.

    Without the shared cache, or for what is cheap, there is none and nobody waits.
    """

    def __init__(self, cache: Cache, names: Sequence[str], *, cost_s: float) -> None:
        self._cache, self._names = cache, names
        self._limit_s = cost_s * len(names) * PATIENCE
        self._wanted = cost_s * len(names) >= WORTHWHILE_S
        self._held = False
        self.brought: list[bytes] | None = None

    async def __aenter__(self) -> Self:
        if self._wanted:
            with contextlib.suppress(ConnectionError):
                self._held = await self._cache.lease(self._names[0], ttl_s=self._limit_s)
                if not self._held:
                    self.brought = await self._wait()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._held:
            await self._cache.flush()
            await self._cache.release(self._names[0])

    async def _wait(self) -> list[bytes] | None:
        deadline = time.monotonic() + self._limit_s
        while time.monotonic() < deadline:
            await asyncio.sleep(LOOK_S)
            entries = await self._cache.get_many(self._names)
            found = [entry.value for entry in entries if entry is not None]
            if len(found) == len(entries):
                return found
        return None
