"""Stores written behind the answer: buffered, sent together, shed where they are too many."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Sequence
from functools import partial
from itertools import islice
from typing import NamedTuple

from redis import exceptions

from cache.counts import RedisCounts
from cache.errors import CacheUnavailable
from cache.redis_client import Client, send
from cache.redis_link import ABANDON_S, RedisLink

log = logging.getLogger(__name__)

#: What may wait to be written. Beyond it stores are shed: requests never are.
MAX_STORES = 20_000
MAX_BYTES = 32 * 1024 * 1024

#: What is written in one go, within one deadline. Packing a store takes a few microseconds.
WRITE_STORES = 256
WRITE_BYTES = 1024 * 1024

AWAY = "Redis is away"


class Store(NamedTuple):
    """A value in its stored form, and the milliseconds that it lives."""

    stored: bytes
    lifetime_ms: int


class WriteBehind:
    """Takes stores at once and writes them in a task of its own, which ends when none is left.

    A store replaces an earlier one of its key that still waits. What cannot be stored is counted
    and forgotten; an outage of stores is two lines in the log.
    """

    def __init__(self, link: RedisLink, counts: RedisCounts) -> None:
        self._link = link
        self._counts = counts
        #: In the order in which keys came.
        self._waiting: OrderedDict[str, Store] = OrderedDict()
        self._bytes = 0
        self._writer: asyncio.Task[None] | None = None
        #: Stores shed since one was last written.
        self._shed = 0

    def __repr__(self) -> str:
        return f"<WriteBehind {len(self._waiting)} stores, {self._bytes} bytes>"

    def put(self, key: str, store: Store) -> None:
        """Take a store, or shed it. Never raises, never waits."""
        if self._link.breaker.is_open:
            self._give_up(1, AWAY)
            return
        replaced = self._waiting.get(key)
        grown = self._bytes + len(store.stored) - (len(replaced.stored) if replaced else 0)
        if grown > MAX_BYTES or (replaced is None and len(self._waiting) >= MAX_STORES):
            self._give_up(1, "too many wait")
            return
        self._waiting[key] = store
        self._bytes = grown
        if self._writer is None:
            self._writer = self._link.loop.create_task(self._write())
            self._writer.add_done_callback(_report)

    async def flush(self) -> None:
        """Return when nothing waits any more. Who leaves meanwhile stops nothing."""
        if self._writer is not None:
            await asyncio.wait({self._writer})

    async def close(self) -> None:
        """Write what waits; shed what a server that hangs would keep one waiting for."""
        if self._writer is not None:
            await asyncio.wait({self._writer}, timeout=ABANDON_S)
        if self._writer is not None:
            self._writer.cancel()
            await asyncio.wait({self._writer})

    async def _write(self) -> None:
        try:
            while self._waiting and not self._link.breaker.is_open:
                await self._write_some()
        finally:
            self._writer = None
            self._give_up(len(self._waiting), AWAY)
            self._waiting.clear()
            self._bytes = 0

    async def _write_some(self) -> None:
        stores = self._take()
        try:
            refusals = await self._link.do(partial(_write, stores))
        except CacheUnavailable as error:
            self._give_up(len(stores), error)
        except BaseException as error:  # closed, or a fault of the program
            self._give_up(len(stores), type(error).__name__)
            raise
        else:
            if refusals:
                self._give_up(len(refusals), refusals[0])
            elif self._shed:
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

    def _give_up(self, stores: int, why: object) -> None:
        if stores and not self._shed:
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
        if isinstance(answer, exceptions.ResponseError):
            refusals.append(answer)
        elif isinstance(answer, Exception):  # a node of a cluster is away
            raise answer
    return refusals


def _report(writer: asyncio.Task[None]) -> None:
    """A fault of the program ends the writer; the next store starts another."""
    if not writer.cancelled() and (error := writer.exception()):
        log.error("writing stores behind failed: %s", type(error).__name__)
