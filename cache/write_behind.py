"""A write-behind buffer: stores are written after the answer, together, or dropped if too many."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections import OrderedDict
from collections.abc import Sequence
from functools import partial
from itertools import islice
from typing import NamedTuple

from redis import exceptions

from cache.degradation import is_refusal
from cache.errors import CacheUnavailable
from cache.redis_client import Client, send
from cache.redis_executor import CLOSE_S, RedisCounts, RedisExecutor
from cache.write_health import WriteHealth

log = logging.getLogger(__name__)

#: Most stores, and bytes of them, that wait to be written. Further stores are dropped.
MAX_STORES = 20_000
MAX_BYTES = 32 * 1024 * 1024

#: Most stores, and bytes, of one round trip and its deadline. To pack a store takes microseconds.
WRITE_STORES = 256
WRITE_BYTES = 1024 * 1024

#: The longest that a flush waits in seconds. A request that releases its lease waits for it.
FLUSH_S = 5.0
#: Seconds without writes after a server refused all stores of a round trip.
REST_S = 1.0

AWAY = "Redis is away"


class Store(NamedTuple):
    """A value in its stored form, and its lifetime."""

    stored: bytes
    lifetime_ms: int


class WriteBehind:
    """Takes stores at once and writes them in its own task, which ends when none is left.

    A store replaces an earlier one of the same key that still waits. A store that cannot be written
    is counted and dropped; an outage makes two lines in the log, at its start and at its end. After
    a round trip in which the server refused all stores, none are sent for REST_S.
    """

    def __init__(self, executor: RedisExecutor, counts: RedisCounts, writes: WriteHealth) -> None:
        self._executor = executor
        self._counts = counts
        self._writes = writes
        #: Oldest key first; they are written in this order.
        self._waiting: OrderedDict[str, Store] = OrderedDict()
        self._bytes = 0
        #: How many stores were ever taken, and how many of them were written or dropped since.
        self._taken = self._done = 0
        #: The callers of `flush`, each with the value of `_done` that it waits for.
        self._flushes: list[tuple[int, asyncio.Future[None]]] = []
        self._writer: asyncio.Task[None] | None = None
        self._rests_until = -math.inf
        #: Stores dropped since one was last written.
        self._dropped = 0
        self._closed = False

    def __repr__(self) -> str:
        return f"<WriteBehind {len(self._waiting)} stores, {self._bytes} bytes>"

    def __len__(self) -> int:
        """How many stores wait."""
        return len(self._waiting)

    def put(self, key: str, store: Store) -> None:
        """Take a store, or drop it. It neither raises nor waits."""
        if not self._may_write():
            self._drop(1, AWAY)
            return
        replaced = self._waiting.get(key)
        grown = self._bytes + len(store.stored) - (len(replaced.stored) if replaced else 0)
        if grown > MAX_BYTES or (replaced is None and len(self._waiting) >= MAX_STORES):
            self._drop(1, "too many stores wait")
            return
        self._taken += replaced is None
        self._waiting[key] = store
        self._bytes = grown
        self._start_writer()

    async def flush(self) -> None:
        """Wait until the stores taken so far are written or dropped, or the writer is cancelled.

        It takes FLUSH_S at most. A cancelled caller does not stop the writing.
        """
        if self._waiting:
            self._start_writer()
        if self._done < self._taken:
            flushed: asyncio.Future[None] = self._executor.loop.create_future()
            self._flushes.append((self._taken, flushed))
            await asyncio.wait({flushed}, timeout=FLUSH_S)

    async def close(self) -> None:
        """Write the stores that wait; after FLUSH_S drop the rest."""
        await self.flush()
        if self._waiting:  # the writer was cancelled with all tasks of an ending loop
            await self.flush()
        self._closed = True
        if self._writer is not None:
            self._writer.cancel()
            await asyncio.wait({self._writer}, timeout=CLOSE_S)

    def _may_write(self) -> bool:
        return not self._executor.breaker.is_open and time.monotonic() >= self._rests_until

    def _start_writer(self) -> None:
        # A writer that is done, but whose callback has not run yet, is replaced, too.
        if self._writer is None or self._writer.done():
            self._writer = self._executor.loop.create_task(self._write())
            self._writer.add_done_callback(self._on_writer_done)

    async def _write(self) -> None:
        while self._waiting and self._may_write():
            await self._write_some()

    def _on_writer_done(self, writer: asyncio.Task[None]) -> None:
        """Drop the stores that a writer leaves. Those of a cancelled writer stay: the next store,
        flush or close starts another one.
        """
        if not writer.cancelled() and (error := writer.exception()):
            log.error("writing stores behind failed: %s", type(error).__name__)
        if self._writer is not writer:  # another one was started
            return
        self._writer = None
        if writer.cancelled() and not self._closed:
            # Cancelled with all tasks of an ending loop: `close` writes the rest.
            self._wake_flushes(upto=self._taken)
            return
        left = len(self._waiting)
        self._waiting.clear()
        self._bytes = 0
        self._drop(left, AWAY)
        self._count_done(left)

    async def _write_some(self) -> None:
        stores = self._take()
        try:
            refusals = await self._executor.run(partial(_write, stores))
        except CacheUnavailable as error:
            self._drop(len(stores), error)
        except asyncio.CancelledError:
            self._put_back(stores)
            raise
        except BaseException as error:  # an error of the program
            self._drop(len(stores), type(error).__name__)
            self._count_done(len(stores))
            raise
        else:
            self._report(len(stores), refusals)
        self._count_done(len(stores))

    def _put_back(self, stores: Sequence[tuple[str, Store]]) -> None:
        """Keep stores that may have been written: to write them again does no harm."""
        for key, store in reversed(stores):
            if key in self._waiting:  # a later store of this key
                self._count_done(1)
                continue
            self._waiting[key] = store
            self._waiting.move_to_end(key, last=False)
            self._bytes += len(store.stored)

    def _report(self, stores: int, refusals: Sequence[exceptions.ResponseError]) -> None:
        """Count and log how a round trip of `stores` ended."""
        if refusals:
            self._writes.record_refusal(refusals[0])
            if len(refusals) == stores:
                self._rests_until = time.monotonic() + REST_S
            self._drop(len(refusals), refusals[0])
            return
        self._writes.record_success()
        if self._dropped:
            log.info("stores are written again; %d were dropped", self._dropped)
            self._dropped = 0

    def _take(self) -> list[tuple[str, Store]]:
        """Remove the oldest stores, as many as fit into a round trip, and at least one."""
        stores: list[tuple[str, Store]] = []
        size = 0
        for key, store in islice(self._waiting.items(), WRITE_STORES):
            size += len(store.stored)
            if stores and size > WRITE_BYTES:
                break
            stores.append((key, store))
        for key, store in stores:
            del self._waiting[key]
            self._bytes -= len(store.stored)
        return stores

    def _count_done(self, stores: int) -> None:
        """Count stores that were written or dropped, and wake the flushes that waited for them."""
        self._done += stores
        self._wake_flushes(upto=self._done)

    def _wake_flushes(self, *, upto: int) -> None:
        while self._flushes and self._flushes[0][0] <= upto:
            _, flushed = self._flushes.pop(0)
            if not flushed.done():
                flushed.set_result(None)

    def _drop(self, stores: int, reason: object) -> None:
        # Refusals are logged by WriteHealth.
        if stores and not self._dropped and self._writes.degradation is None:
            log.warning("stores are dropped until one is written again: %s", reason)
        self._dropped += stores
        self._counts.stores_shed += stores


async def _write(
    stores: Sequence[tuple[str, Store]], client: Client
) -> list[exceptions.ResponseError]:
    """Write stores in one round trip; returns the errors of those that the server refused."""
    refusals = []
    commands = [("SET", key, stored, "PX", lifetime) for key, (stored, lifetime) in stores]
    for answer in await send(client, commands):
        if is_refusal(answer):
            refusals.append(answer)
        elif isinstance(answer, Exception):  # a node of a cluster is away
            raise answer
    return refusals
