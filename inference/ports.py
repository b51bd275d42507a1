"""What the core needs from outside; whoever fits the shape may serve."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Entry(Protocol):
    """A stored value."""

    @property
    def value(self) -> bytes: ...

    @property
    def age_s(self) -> float:
        """Seconds since it was computed."""
        ...

    @property
    def ttl_left_s(self) -> float:
        """Seconds until it expires, 0 or more."""
        ...


class Cache(Protocol):
    """A store of bytes that may be slow, empty or away; a part of it may be within the process.

    A miss is None. An outage raises ConnectionError, within a deadline of the cache's own. A
    stored empty value is a hit.
    """

    async def ping(self) -> bool:
        """Whether the store answers just now."""
        ...

    def peek(self, key: str) -> Entry | None:
        """What the process itself holds: no waiting, no outage, a microsecond or two."""
        ...

    async def get(self, key: str) -> Entry | None: ...

    async def get_many(self, keys: Sequence[str]) -> Sequence[Entry | None]:
        """The entries of all keys, in order, in one round trip. Keys may recur."""
        ...

    async def put(self, key: str, value: bytes, *, ttl_s: float) -> None:
        """Store what other values may replace; it is stored when this returns."""
        ...

    async def add(self, key: str, value: bytes, *, ttl_s: float) -> bool:
        """As `put`, only where nothing is stored; True where this call stored it."""
        ...

    def keep(self, items: Sequence[tuple[str, bytes]], *, ttl_s: float) -> None:
        """Hold keys' values within the process only. They must be functions of their keys."""
        ...

    def store_soon(self, items: Sequence[tuple[str, bytes]], *, ttl_s: float) -> None:
        """As `keep`, and store them behind the caller's back, or not at all. Never raises."""
        ...

    async def lease(self, key: str, *, ttl_s: float) -> bool:
        """Whether the caller may compute what belongs under the key; False: another does."""
        ...

    async def release(self, key: str) -> None:
        """Give a lease back, if it is still one's own. Raises nothing in an outage."""
        ...

    async def flush(self) -> None:
        """Return when all that `store_soon` has taken is stored or given up."""
        ...

    async def close(self) -> None: ...


class PredictionKey(Protocol):
    """Names a prediction by all that decides it."""

    def __call__(
        self,
        *,
        model: bytes,
        script: bytes,
        method: str,
        parameters: str,
        dtype: str,
        shape: tuple[int, ...],
        data: bytes | memoryview,
    ) -> str: ...
