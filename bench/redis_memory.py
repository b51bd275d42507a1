"""Measures the memory that a cached row takes in Redis.

Rows are stored as the app stores them: its keys, its entries, its client, a real redis-server.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import batched

import numpy as np
from redis.asyncio import Redis

from bench.errors import BenchError
from bench.redis_store import RedisStore
from cache import keys
from cache.redis_cache import RedisCache
from cache.settings import CacheSettings
from local.emulators.ports import HOST

ROWS = 100_000
#: Fewer stores than the cache queues before it drops some.
STORES_A_FLUSH = 10_000
TTL_S = 3600.0
#: Timeout of one batch of stores in milliseconds: no request waits for it.
PATIENCE_MS = 10_000.0

#: Predictions as JSON, by their kind.
PREDICTIONS = {
    "a label": b"7",
    "a number": b"0.8411929845809937",
    "ten probabilities": b"[" + b",".join([b"0.8411929845809937"] * 10) + b"]",
}


@dataclass(frozen=True, slots=True)
class Memory:
    """The memory of rows with one kind of prediction."""

    what: str
    value_bytes: int
    rows: int
    #: By how much used_memory rose.
    used_bytes: int
    #: MEMORY USAGE of one key.
    key_bytes: int

    def __str__(self) -> str:
        return (
            f"{self.what} ({self.value_bytes} bytes): {self.bytes_a_row:.0f} bytes a row of"
            f" used_memory over {self.rows:,} rows, MEMORY USAGE {self.key_bytes};"
            f" {self.bytes_a_row:,.0f} MB a million"
        )

    @property
    def bytes_a_row(self) -> float:
        return self.used_bytes / self.rows


async def measure(url: str, what: str, value: bytes, rows: int) -> Memory:
    """Store `rows` rows in an empty database. Raises BenchError if some were not stored."""
    async with Redis.from_url(url) as client:
        await client.flushdb()
        before = await _used(client)
        cache = RedisCache(CacheSettings(redis_url=url, timeout_ms=PATIENCE_MS))
        for some in batched(_keys(rows), STORES_A_FLUSH, strict=False):
            cache.store_soon([(key, value) for key in some], ttl_s=TTL_S)
            await cache.flush()
        await cache.close()
        stored = await client.dbsize()
        if stored != rows:
            raise BenchError(f"redis-server holds {stored:,} of {rows:,} rows")
        used = await _used(client) - before
        key_bytes = await client.memory_usage(next(_keys(1)))
        return Memory(what, len(value), rows, used, int(key_bytes or 0))


async def _used(client: Redis) -> int:
    info = await client.info("memory")
    return int(info["used_memory"])


def _keys(rows: int) -> Iterator[str]:
    """The keys of rows of 64 numbers, made as `inference` makes them."""
    drawn = np.random.default_rng(0).random((rows, 64))
    yield from keys.row_keys(
        model=bytes(32),
        script=bytes(32),
        method="predict",
        parameters="",
        dtype="<f8",
        shape=(64,),
        rows=drawn,
    )


def measure_all(rows: int) -> Iterator[Memory]:
    """Measure each kind of prediction on a redis-server of its own. Raises BenchError."""
    with RedisStore() as store:
        for what, value in PREDICTIONS.items():
            yield asyncio.run(measure(f"redis://{HOST}:{store.port}/0", what, value, rows))
