"""What the core needs from outside; whoever fits the shape may serve."""

from __future__ import annotations

from typing import Protocol


class Entry(Protocol):
    """A stored value."""

    @property
    def value(self) -> bytes: ...

    @property
    def age_s(self) -> float: ...


class Cache(Protocol):
    """A store of bytes that may be slow, empty or away.

    A miss is None. An outage raises ConnectionError, within a deadline of the cache's own. A
    stored empty value is a hit.
    """

    async def ping(self) -> bool:
        """Whether the store answers just now."""
        ...

    async def get(self, key: str) -> Entry | None: ...

    async def put(self, key: str, value: bytes, *, ttl_s: float) -> None: ...

    async def add(self, key: str, value: bytes, *, ttl_s: float) -> bool:
        """Store only where nothing is stored; True where this call stored it."""
        ...


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
