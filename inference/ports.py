"""What the core needs from outside: a cache, and keys for it."""

from __future__ import annotations

from collections.abc import Buffer, Iterable, Mapping, Sequence
from typing import Protocol


class Entry(Protocol):
    """A stored value."""

    @property
    def value(self) -> bytes: ...

    @property
    def age_s(self) -> float: ...

    @property
    def ttl_left_s(self) -> float: ...


class Degradation(Protocol):
    """Why a cache is degraded: `code` is for metrics, `message` is a sentence for operators."""

    @property
    def code(self) -> str: ...

    @property
    def message(self) -> str: ...


class Cache(Protocol):
    """A store of bytes in this process, and a shared one behind it if the cache is `remote`.

    A miss is None; a stored empty value is a hit. An outage raises ConnectionError, within a
    timeout of the cache's own.
    """

    #: Whether other processes share it.
    remote: bool
    #: Whether values may be kept in this process.
    near: bool

    async def ping(self) -> bool:
        """Whether the store answers now. It brings `degradation` up to date."""
        ...

    @property
    def degradation(self) -> Degradation | None:
        """Why the shared store is unreachable or takes no writes, by the last operations."""
        ...

    def counts(self) -> Mapping[str, int]:
        """Counters since the start, by name (inference.counters.counts.CACHE_COUNTS)."""
        ...

    def gauges(self) -> Mapping[str, float]:
        """What is so now, by name (inference.counters.gauges.GAUGES)."""
        ...

    def peek(self, key: str) -> Entry | None:
        """What this process holds, within microseconds."""
        ...

    async def get(self, key: str) -> Entry | None: ...

    async def get_many(self, keys: Sequence[str]) -> Sequence[Entry | None]:
        """In the keys' order, in one round trip."""
        ...

    async def put(self, key: str, value: bytes, *, ttl_s: float) -> None:
        """Store. Like `add` and `replace`, raises a ConnectionError that is also a ValueError for
        a value larger than the whole store.
        """
        ...

    async def add(self, key: str, value: bytes, *, ttl_s: float) -> bool:
        """Store only if nothing is stored; return whether this call stored it."""
        ...

    async def replace(self, key: str, old: bytes, new: bytes, *, ttl_s: float) -> bool:
        """Store only if `old` is stored, atomically; return whether this call stored it."""
        ...

    def keep(self, items: Sequence[tuple[str, bytes]], *, ttl_s: float) -> None:
        """Store in this process only."""
        ...

    def store_soon(self, items: Sequence[tuple[str, bytes]], *, ttl_s: float) -> None:
        """Store in this process now and in the shared store soon. Under pressure, drop it."""
        ...

    async def lease(self, key: str, *, ttl_s: float) -> bool:
        """Take the lease to compute the value of the key; return whether the caller has it."""
        ...

    async def is_leased(self, key: str) -> bool:
        """Whether some process holds that lease."""
        ...

    async def release(self, key: str) -> None: ...

    async def flush(self) -> None:
        """Wait until everything that `store_soon` took is stored or dropped."""
        ...


class Keys(Protocol):
    """Makes cache keys of everything that determines a prediction."""

    def prediction_key(
        self,
        *,
        model: bytes,
        script: bytes,
        method: str,
        parameters: str,
        dtype: str,
        shape: tuple[int, ...],
        data: Buffer,
    ) -> str:
        """The key of a question that is answered as a whole."""
        ...

    def row_keys(
        self,
        *,
        model: bytes,
        script: bytes,
        method: str,
        parameters: str,
        dtype: str,
        shape: tuple[int, ...],
        rows: Iterable[Buffer],
    ) -> list[str]:
        """The key of each row, whatever rows it arrives with. `shape` is that of one row."""
        ...
