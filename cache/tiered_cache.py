"""A near cache before Redis: values that this process has just seen are not looked up again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cache.degradation import Degradation
from cache.entry import Entry
from cache.near_cache import NearCache
from cache.redis_cache import RedisCache

#: Seconds that a copy of a value in Redis is kept near, and so the longest that it can be stale. A
#: prediction is a function of its key: a copy becomes stale only if an operator deletes the value,
#: or if another process computes it again. Values that may be replaced (`put`, `add`) have no near
#: copy.
NEAR_S = 5.0


class TieredCache:
    """Looks up the near cache first, then Redis, and copies what it finds there."""

    def __init__(self, near: NearCache, far: RedisCache) -> None:
        self._near = near
        self._far = far

    def __repr__(self) -> str:
        return f"<TieredCache {self._near!r} {self._far!r}>"

    #: Whether other processes share it.
    remote = True
    #: Whether values are kept in this process.
    near = True

    @property
    def degradation(self) -> Degradation | None:
        return self._far.degradation

    @property
    def state(self) -> str:
        return self._far.state

    def counts(self) -> Mapping[str, int]:
        """What both have done since the start."""
        return self._far.counts()

    def gauges(self) -> Mapping[str, float]:
        """What is so now, in both."""
        return {**self._far.gauges(), "near_cache_bytes": float(self._near.size_bytes)}

    async def ping(self) -> bool:
        return await self._far.ping()

    def peek(self, key: str) -> Entry | None:
        return self._near.get(key)

    async def get(self, key: str) -> Entry | None:
        return (await self.get_many((key,)))[0]

    async def get_many(self, keys: Sequence[str]) -> list[Entry | None]:
        # A miss here is not counted: it becomes a hit or a miss of Redis.
        found = {key: self._near.get(key) for key in keys if self._near.contains(key)}
        missing = [key for key in keys if key not in found]
        for key, entry in zip(missing, await self._far.get_many(missing), strict=True):
            found[key] = entry
            # A value that was put here in the meantime is newer than this one.
            if entry is not None and entry.fixed and not self._near.contains(key):
                self._near.put(key, entry, at_most_s=NEAR_S)
        return [found[key] for key in keys]

    async def put(self, key: str, value: bytes, *, ttl_s: float) -> None:
        await self._far.put(key, value, ttl_s=ttl_s)
        self._near.remove(key)

    async def add(self, key: str, value: bytes, *, ttl_s: float) -> bool:
        return await self._far.add(key, value, ttl_s=ttl_s)

    async def replace(self, key: str, old: bytes, new: bytes, *, ttl_s: float) -> bool:
        done = await self._far.replace(key, old, new, ttl_s=ttl_s)
        self._near.remove(key)
        return done

    def keep(self, items: Sequence[tuple[str, bytes]], *, ttl_s: float) -> None:
        for key, value in items:
            self._near.put(key, Entry(value, age_s=0.0, ttl_left_s=ttl_s, fixed=True))

    def store_soon(self, items: Sequence[tuple[str, bytes]], *, ttl_s: float) -> None:
        for key, value in items:
            entry = Entry(value, age_s=0.0, ttl_left_s=ttl_s, fixed=True)
            self._near.put(key, entry, at_most_s=NEAR_S)
        self._far.store_soon(items, ttl_s=ttl_s)

    async def lease(self, key: str, *, ttl_s: float) -> bool:
        return await self._far.lease(key, ttl_s=ttl_s)

    async def is_leased(self, key: str) -> bool:
        return await self._far.is_leased(key)

    async def release(self, key: str) -> None:
        await self._far.release(key)

    async def flush(self) -> None:
        await self._far.flush()

    async def close(self) -> None:
        self._near.clear()
        await self._far.close()
