"""A cache in this process: for one worker without Redis, and for tests."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from cache.entry import Entry
from cache.errors import ValueTooLarge
from cache.keys import lease_key
from cache.near_cache import DEFAULT_MAX_BYTES, NearCache

#: Most bytes of promised values: callers have an id by which they fetch them later.
PROMISED_BYTES = 64 * 1024 * 1024


class MemoryCache:
    """Two near caches. One holds up to `max_bytes` of values that can be computed again. The other
    holds up to `promised_bytes` of promised values (`put`, `add`, `replace`), which the first never
    displaces.

    `clock` returns monotonic seconds. For one event loop.
    """

    def __init__(
        self,
        *,
        max_bytes: int = DEFAULT_MAX_BYTES,
        promised_bytes: int = PROMISED_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._near = NearCache(max_bytes=max_bytes, clock=clock)
        #: Whether values that can be computed again are kept.
        self.near = max_bytes > 0
        self._promised = NearCache(max_bytes=promised_bytes, clock=clock)
        self._promised_bytes = promised_bytes

    def __repr__(self) -> str:
        return f"<MemoryCache {self._near!r}, promised {self._promised!r}>"

    def __len__(self) -> int:
        return len(self._near) + len(self._promised)

    #: Whether other processes share it.
    remote = False
    #: It is always available.
    degradation = None

    @property
    def state(self) -> str:
        return "ok"

    @property
    def size_bytes(self) -> int:
        return self._near.size_bytes + self._promised.size_bytes

    def counts(self) -> Mapping[str, int]:
        """Nothing: it has no server to count requests to."""
        return {}

    def gauges(self) -> Mapping[str, float]:
        return {"near_cache_bytes": float(self.size_bytes)}

    async def ping(self) -> bool:
        return True

    def peek(self, key: str) -> Entry | None:
        return self._near.get(key)

    async def get(self, key: str) -> Entry | None:
        return self._promised.get(key) or self._near.get(key)

    async def get_many(self, keys: Sequence[str]) -> list[Entry | None]:
        return [self._promised.get(key) or self._near.get(key) for key in keys]

    async def put(self, key: str, value: bytes, *, ttl_s: float) -> None:
        """Raises ValueTooLarge."""
        if not self._promised.put(key, Entry(value, age_s=0.0, ttl_left_s=ttl_s)):
            raise ValueTooLarge(
                f"{len(value)} bytes do not fit in a cache of {self._promised_bytes}"
            )

    async def add(self, key: str, value: bytes, *, ttl_s: float) -> bool:
        if self._promised.contains(key) or self._near.contains(key):
            return False
        await self.put(key, value, ttl_s=ttl_s)
        return True

    async def replace(self, key: str, old: bytes, new: bytes, *, ttl_s: float) -> bool:
        entry = self._promised.get(key)
        if entry is None or entry.value != old:
            return False
        await self.put(key, new, ttl_s=ttl_s)
        return True

    def keep(self, items: Sequence[tuple[str, bytes]], *, ttl_s: float) -> None:
        for key, value in items:
            self._near.put(key, Entry(value, age_s=0.0, ttl_left_s=ttl_s, fixed=True))

    store_soon = keep

    async def lease(self, key: str, *, ttl_s: float) -> bool:
        return await self.add(lease_key(key), b"", ttl_s=ttl_s)

    async def is_leased(self, key: str) -> bool:
        return self._promised.contains(lease_key(key))

    async def release(self, key: str) -> None:
        self._promised.remove(lease_key(key))

    async def flush(self) -> None:
        """Stores are never delayed."""

    async def close(self) -> None:
        self._near.clear()
        self._promised.clear()
