"""A cache within the process: for one worker without Redis, and for tests."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from cache.entry import Entry
from cache.errors import ValueTooLarge
from cache.keys import lease_key
from cache.near_cache import DEFAULT_MAX_BYTES, NearCache

#: What `put`, `add` and `replace` may fill: somebody was told that it can be fetched.
PROMISED_BYTES = 64 * 1024 * 1024


class MemoryCache:
    """Two near caches and nothing behind them: one of what can be computed again, which may hold
    `max_bytes` and drops what it has no room for, and one of what was promised to somebody
    (`put`, `add`, `replace`), which may hold `promised_bytes` and which the first never displaces.

    `clock` counts seconds from anywhere and never goes back. For one event loop.
    """

    def __init__(
        self,
        *,
        max_bytes: int = DEFAULT_MAX_BYTES,
        promised_bytes: int = PROMISED_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._near = NearCache(max_bytes=max_bytes, clock=clock)
        #: Whether anything may be kept for the next who asks.
        self.near = max_bytes > 0
        self._promised = NearCache(max_bytes=promised_bytes, clock=clock)
        self._promised_bytes = promised_bytes

    def __repr__(self) -> str:
        return f"<MemoryCache {self._near!r}, promised {self._promised!r}>"

    def __len__(self) -> int:
        return len(self._near) + len(self._promised)

    #: Whether other processes share it.
    remote = False
    #: It is never away, and always takes writes.
    degradation = None

    @property
    def state(self) -> str:
        return "ok"

    @property
    def size_bytes(self) -> int:
        return self._near.size_bytes + self._promised.size_bytes

    def counts(self) -> Mapping[str, int]:
        """What it has done since it was made, for what can be computed again."""
        return self._near.counts()

    async def ping(self) -> bool:
        return True

    def peek(self, key: str) -> Entry | None:
        return self._near.look(key)

    async def get(self, key: str) -> Entry | None:
        return self._promised.look(key) or self._near.look(key)

    async def get_many(self, keys: Sequence[str]) -> list[Entry | None]:
        return [self._promised.look(key) or self._near.look(key) for key in keys]

    async def put(self, key: str, value: bytes, *, ttl_s: float) -> None:
        """Store. Raises ValueTooLarge."""
        if not self._promised.keep(key, Entry(value, age_s=0.0, ttl_left_s=ttl_s)):
            raise ValueTooLarge(
                f"{len(value)} bytes do not fit in a cache of {self._promised_bytes}"
            )

    async def add(self, key: str, value: bytes, *, ttl_s: float) -> bool:
        if self._promised.holds(key) or self._near.holds(key):
            return False
        await self.put(key, value, ttl_s=ttl_s)
        return True

    async def replace(self, key: str, old: bytes, new: bytes, *, ttl_s: float) -> bool:
        entry = self._promised.look(key)
        if entry is None or entry.value != old:
            return False
        await self.put(key, new, ttl_s=ttl_s)
        return True

    def keep(self, items: Sequence[tuple[str, bytes]], *, ttl_s: float) -> None:
        for key, value in items:
            self._near.keep(key, Entry(value, age_s=0.0, ttl_left_s=ttl_s, fixed=True))

    store_soon = keep

    async def lease(self, key: str, *, ttl_s: float) -> bool:
        return await self.add(lease_key(key), b"", ttl_s=ttl_s)

    async def leased(self, key: str) -> bool:
        return self._promised.holds(lease_key(key))

    async def release(self, key: str) -> None:
        self._promised.forget(lease_key(key))

    async def flush(self) -> None:
        """Nothing is ever behind."""

    async def close(self) -> None:
        self._near.clear()
        self._promised.clear()
