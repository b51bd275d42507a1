"""A cache within the process: for one worker without Redis, and for tests."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from cache.entry import Entry
from cache.errors import CacheUnavailable
from cache.keys import lease_key
from cache.near import DEFAULT_MAX_BYTES, Near


class MemoryCache:
    """The near cache and nothing behind it. What it has no room for, it does not keep.

    `clock` counts seconds from anywhere and never goes back. For one event loop.
    """

    def __init__(
        self,
        *,
        max_bytes: int = DEFAULT_MAX_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._near = Near(max_bytes=max_bytes, clock=clock)
        self._max_bytes = max_bytes
        #: Whether anything may be kept for the next who asks.
        self.near = max_bytes > 0

    def __repr__(self) -> str:
        return f"<MemoryCache {self._near!r}>"

    def __len__(self) -> int:
        return len(self._near)

    #: Whether other processes share it.
    remote = False
    #: It is never away, and always takes writes.
    trouble = None

    @property
    def state(self) -> str:
        return "ok"

    @property
    def size_bytes(self) -> int:
        return self._near.size_bytes

    def counts(self) -> Mapping[str, int]:
        """What it has done since it was made."""
        return self._near.counts()

    async def ping(self) -> bool:
        return True

    def peek(self, key: str) -> Entry | None:
        return self._near.look(key)

    async def get(self, key: str) -> Entry | None:
        return self._near.look(key)

    async def get_many(self, keys: Sequence[str]) -> list[Entry | None]:
        return [self._near.look(key) for key in keys]

    async def put(self, key: str, value: bytes, *, ttl_s: float) -> None:
        """Store. Raises CacheUnavailable where the value alone is larger than the cache."""
        if not self._near.keep(key, Entry(value, age_s=0.0, ttl_left_s=ttl_s)):
            raise CacheUnavailable(f"{len(value)} bytes do not fit in a cache of {self._max_bytes}")

    async def add(self, key: str, value: bytes, *, ttl_s: float) -> bool:
        if self._near.holds(key):
            return False
        await self.put(key, value, ttl_s=ttl_s)
        return True

    def keep(self, items: Sequence[tuple[str, bytes]], *, ttl_s: float) -> None:
        for key, value in items:
            self._near.keep(key, Entry(value, age_s=0.0, ttl_left_s=ttl_s, fixed=True))

    store_soon = keep

    async def lease(self, key: str, *, ttl_s: float) -> bool:
        return await self.add(lease_key(key), b"", ttl_s=ttl_s)

    async def release(self, key: str) -> None:
        self._near.forget(lease_key(key))

    async def flush(self) -> None:
        """Nothing is ever behind."""

    async def close(self) -> None:
        self._near.clear()
