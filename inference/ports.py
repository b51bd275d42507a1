"""What the core needs from outside; whoever fits the shape may serve."""

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
    """A store of bytes, near (in this process) and, where it is `remote`, beyond.

    A miss is None. An outage raises ConnectionError, within a deadline of the cache's own. A
    stored empty value is a hit.
    """

    #: Whether other processes share it.
    remote: bool
    #: Whether anything may be kept in this process for the next who asks.
    near: bool

    async def ping(self) -> bool:
        """Whether the store answers now. It brings `degradation` up to date."""
        ...

    @property
    def degradation(self) -> Degradation | None:
        """Why it is away or takes no writes, by how the last operations ended."""
        ...

    def counts(self) -> Mapping[str, int]:
        """What it has done since it was made: `near_hits` and the like."""
        ...

    def peek(self, key: str) -> Entry | None:
        """What this process holds; it asks nobody and takes microseconds."""
        ...

    async def get(self, key: str) -> Entry | None: ...

    async def get_many(self, keys: Sequence[str]) -> Sequence[Entry | None]:
        """In the keys' order, in one round trip."""
        ...

    async def put(self, key: str, value: bytes, *, ttl_s: float) -> None:
        """Stored when this returns. Here as in `add` and `replace`, a value larger than all that
        the store has room for raises a ConnectionError that is a ValueError too.
        """
        ...

    async def add(self, key: str, value: bytes, *, ttl_s: float) -> bool:
        """Store only where nothing is stored; True where this call stored it."""
        ...

    async def replace(self, key: str, old: bytes, new: bytes, *, ttl_s: float) -> bool:
        """Store only where `old` is stored; True where this call stored. Nobody comes between."""
        ...

    def keep(self, items: Sequence[tuple[str, bytes]], *, ttl_s: float) -> None:
        """Hold in this process alone."""
        ...

    def store_soon(self, items: Sequence[tuple[str, bytes]], *, ttl_s: float) -> None:
        """Hold in this process at once, and beyond it soon, or not at all under pressure."""
        ...

    async def lease(self, key: str, *, ttl_s: float) -> bool:
        """Whether this caller is the one to compute what belongs under the key."""
        ...

    async def leased(self, key: str) -> bool:
        """Whether anybody holds that lease now."""
        ...

    async def release(self, key: str) -> None: ...

    async def flush(self) -> None:
        """Return once nothing waits to be stored."""
        ...


class Keys(Protocol):
    """Names predictions by all that decides them."""

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
        """Of a question that is answered as a whole."""
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
        """Of each row, as if it had come alone; `shape` is one row's."""
        ...
