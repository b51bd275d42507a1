"""A cache within the process: for one worker without Redis, and for tests."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from cache.entry import Entry
from cache.errors import CacheUnavailable

DEFAULT_MAX_BYTES = 64 * 1024 * 1024

#: Bytes that an entry takes beside its key and value: objects, slots of the table.
ENTRY_BYTES = 300


@dataclass(frozen=True, slots=True)
class _Stored:
    value: bytes
    stored_at: float
    expires_at: float


class MemoryCache:
    """Keeps what was used last, up to `max_bytes`; forgets it at its time to live.

    `clock` counts seconds from anywhere and never goes back. For one event loop.
    """

    def __init__(
        self,
        *,
        max_bytes: int = DEFAULT_MAX_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._max_bytes = max_bytes
        self._clock = clock
        #: Least recently used first.
        self._entries: OrderedDict[str, _Stored] = OrderedDict()
        self._bytes = 0

    def __repr__(self) -> str:
        return f"<MemoryCache {len(self)} entries, {self._bytes} of {self._max_bytes} bytes>"

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def state(self) -> str:
        return "ok"

    @property
    def size_bytes(self) -> int:
        return self._bytes

    async def ping(self) -> bool:
        return True

    async def get(self, key: str) -> Entry | None:
        stored = self._live(key)
        if stored is None:
            return None
        self._entries.move_to_end(key)
        return Entry(stored.value, age_s=self._clock() - stored.stored_at)

    async def put(self, key: str, value: bytes, *, ttl_s: float) -> None:
        """Store. Raises CacheUnavailable where the value alone is larger than the cache."""
        size = _size(key, value)
        if size > self._max_bytes:
            raise CacheUnavailable(f"{size} bytes do not fit in a cache of {self._max_bytes}")
        self._forget(key)
        now = self._clock()
        self._entries[key] = _Stored(value, stored_at=now, expires_at=now + ttl_s)
        self._bytes += size
        while self._bytes > self._max_bytes:
            self._forget(next(iter(self._entries)))

    async def add(self, key: str, value: bytes, *, ttl_s: float) -> bool:
        if self._live(key) is not None:
            return False
        await self.put(key, value, ttl_s=ttl_s)
        return True

    async def close(self) -> None:
        self._entries.clear()
        self._bytes = 0

    def _live(self, key: str) -> _Stored | None:
        stored = self._entries.get(key)
        if stored is None or self._clock() < stored.expires_at:
            return stored
        self._forget(key)
        return None

    def _forget(self, key: str) -> None:
        stored = self._entries.pop(key, None)
        if stored is not None:
            self._bytes -= _size(key, stored.value)


def _size(key: str, value: bytes) -> int:
    return len(key) + len(value) + ENTRY_BYTES
