"""Stores written behind the answer: buffered, sent together, shed where they are too many."""

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

#: What may wait to be written. Beyond it stores are shed: requests never are.
MAX_STORES = 20_000
MAX_BYTES = 32 * 1024 * 1024

#: What is written in one go, within one deadline. Packing a store takes a few microseconds.
WRITE_STORES = 256
WRITE_BYTES = 1024 * 1024

#: Seconds that a flush waits at the most, and so a request that gives its lease back.
FLUSH_S = 5.0
#: Seconds until a server that refused stores is sent some again: the probe.
REST_S = 1.0

AWAY = "Redis is away"


class Store(NamedTuple):
    """A value in its stored form, and the milliseconds that it lives."""

    stored: bytes
    lifetime_ms: int


class WriteBehind:
    """Takes stores at once and writes them in a task of its own, which ends when none is left.

    A store replaces an earlier one of its key that still waits. What cannot be stored is counted
    and forgotten; an outage of stores is two lines in the log. A server that refuses all of what
    is written in one go is left alone for REST_S.
    """

    def __init__(self, executor: RedisExecutor, counts: RedisCounts, writes: WriteHealth) -> None:
        self._executor = executor
        self._counts = counts
        self._writes = writes
        #: In the order in which keys came, and in which they go.
        self._waiting: OrderedDict[str, Store] = OrderedDict()
        self._bytes = 0
        #: Stores that ever waited, and those of them that were written or shed since.
        self._came = self._went = 0
        #: Who flushes, each with how many have to be gone.
        self._flushes: list[tuple[int, asyncio.Future[None]]] = []
        self._writer: asyncio.Task[None] | None = None
        self._rests_until = -math.inf
        #: Stores shed since one was last written.
        self._shed = 0
        self._closed = False

    def __repr__(self) -> str:
        return f"<WriteBehind {len(self._waiting)} stores, {self._bytes} bytes>"

    def put(self, key: str, store: Store) -> None:
        """Take a store, or shed it. Never raises, never waits."""
        if not self._may_write():
            self._shed_some(1, AWAY)
            return
        replaced = self._waiting.get(key)
        grown = self._bytes + len(store.stored) - (len(replaced.stored) if replaced else 0)
        if grown > MAX_BYTES or (replaced is None and len(self._waiting) >= MAX_STORES):
            self._shed_some(1, "too many wait")
            return
        self._came += replaced is None
        self._waiting[key] = store
        self._bytes = grown
        self._write_on()

    async def flush(self) -> None:
        """Return when what waits by now was written or shed, or its writer was cancelled; after
        FLUSH_S at the latest. Whoever leaves meanwhile stops nothing.
        """
        if self._waiting:
            self._write_on()
        if self._went < self._came:
            gone: asyncio.Future[None] = self._executor.loop.create_future()
            self._flushes.append((self._came, gone))
            await asyncio.wait({gone}, timeout=FLUSH_S)

    async def close(self) -> None:
        """Write what waits; after FLUSH_S shed the rest."""
        await self.flush()
        if self._waiting:  # the writer was cancelled meanwhile, with all tasks of a loop that ends
            await self.flush()
        self._closed = True
        if self._writer is not None:
            self._writer.cancel()
            await asyncio.wait({self._writer}, timeout=CLOSE_S)

    def _may_write(self) -> bool:
        return not self._executor.breaker.is_open and time.monotonic() >= self._rests_until

    def _write_on(self) -> None:
        # A writer that was cancelled before its first step has only been told so.
        if self._writer is None or self._writer.done():
            self._writer = self._executor.loop.create_task(self._write())
            self._writer.add_done_callback(self._ended)

    async def _write(self) -> None:
        while self._waiting and self._may_write():
            await self._write_some()

    def _ended(self, writer: asyncio.Task[None]) -> None:
        """Shed what a writer leaves behind, unless it was cancelled: the next store, flush or close
        starts another.
        """
        if not writer.cancelled() and (error := writer.exception()):
            log.error("writing stores behind failed: %s", type(error).__name__)
        if self._writer is not writer:  # it has been started
            return
        self._writer = None
        if writer.cancelled() and not self._closed:
            # With all tasks of a loop that ends: what waits is for `close` to write.
            self._tell_flushes(upto=self._came)
            return
        left = len(self._waiting)
        self._waiting.clear()
        self._bytes = 0
        self._shed_some(left, AWAY)
        self._gone(left)

    async def _write_some(self) -> None:
        stores = self._take()
        try:
            refusals = await self._executor.run(partial(_write, stores))
        except CacheUnavailable as error:
            self._shed_some(len(stores), error)
        except asyncio.CancelledError:
            self._put_back(stores)
            raise
        except BaseException as error:  # a fault of the program
            self._shed_some(len(stores), type(error).__name__)
            self._gone(len(stores))
            raise
        else:
            self._note(len(stores), refusals)
        self._gone(len(stores))

    def _put_back(self, stores: Sequence[tuple[str, Store]]) -> None:
        """Nobody knows whether they were written; to write them again does no harm."""
        for key, store in reversed(stores):
            if key in self._waiting:  # a later store of it
                self._gone(1)
                continue
            self._waiting[key] = store
            self._waiting.move_to_end(key, last=False)
            self._bytes += len(store.stored)

    def _note(self, stores: int, refusals: Sequence[exceptions.ResponseError]) -> None:
        """Draw conclusions from what the server said to the stores of one go."""
        if refusals:
            self._writes.record_refusal(refusals[0])
            if len(refusals) == stores:
                self._rests_until = time.monotonic() + REST_S
            self._shed_some(len(refusals), refusals[0])
            return
        self._writes.record_success()
        if self._shed:
            log.info("stores are written again; %d were shed", self._shed)
            self._shed = 0

    def _take(self) -> list[tuple[str, Store]]:
        """The oldest that wait, as many as go at once; one at least."""
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

    def _gone(self, stores: int) -> None:
        """Tell those whose stores were all written or shed."""
        self._went += stores
        self._tell_flushes(upto=self._went)

    def _tell_flushes(self, *, upto: int) -> None:
        while self._flushes and self._flushes[0][0] <= upto:
            _, gone = self._flushes.pop(0)
            if not gone.done():
                gone.set_result(None)

    def _shed_some(self, stores: int, why: object) -> None:
        # Of refusals there is a line in the log already.
        if stores and not self._shed and self._writes.degradation is None:
            log.warning("stores are shed until one is written again: %s", why)
        self._shed += stores
        self._counts.stores_shed += stores


async def _write(
    stores: Sequence[tuple[str, Store]], client: Client
) -> list[exceptions.ResponseError]:
    """Write stores in one round trip; what the server said to those that it refused."""
    refusals = []
    commands = [("SET", key, stored, "PX", lifetime) for key, (stored, lifetime) in stores]
    for answer in await send(client, commands):
        if is_refusal(answer):
            refusals.append(answer)
        elif isinstance(answer, Exception):  # a node of a cluster is away
            raise answer
    return refusals
