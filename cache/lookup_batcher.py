"""Look-ups gathered: those of one moment share a round trip."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from itertools import batched, chain
from typing import cast

from redis.asyncio import RedisCluster

from cache.errors import CacheUnavailable
from cache.redis_client import Client, send
from cache.redis_executor import RedisExecutor

#: Keys of one command. The server serves nobody else while it answers one.
MAX_KEYS = 1000

#: Of the deadline: the longest that look-ups wait for a round trip that is under way. On a near
#: network it is over long before; across a far one it must not double what a look-up takes.
PATIENCE = 0.05

type Values = Mapping[str, bytes | None]


class _Batch:
    """Look-ups that share a round trip. It is the outcome of that trip."""

    def __init__(self, lookups: LookupBatcher, deadline_s: float) -> None:
        #: From when it is sent. Time in which the event loop stood still before is no server's.
        self.deadline_s = deadline_s
        self.keys: dict[str, None] = {}
        self.waiters: list[asyncio.Future[Values]] = []
        self._lookups = lookups
        self._done = False

    def done(self) -> bool:
        return self._done

    def set_result(self, values: Values, /) -> None:
        for waiter in self.waiters:
            if not waiter.done():
                waiter.set_result(values)
        self._land()

    def set_exception(self, exception: BaseException, /) -> None:
        for waiter in self.waiters:
            if not waiter.done():
                waiter.set_exception(exception)
        self._land()

    def _land(self) -> None:
        self._done = True
        self._lookups.landed(self)


class LookupBatcher:
    """Gathers the look-ups of one turn of the event loop, and those that come while they are
    answered, into one round trip each.

    Who leaves while waiting takes nothing from the others.
    """

    def __init__(self, executor: RedisExecutor) -> None:
        self._executor = executor
        self._waiting: _Batch | None = None
        self._under_way: _Batch | None = None

    async def ask(self, keys: Iterable[str]) -> Values:
        """What is stored under the keys, for these and maybe others. Raises CacheUnavailable."""
        waiter: asyncio.Future[Values] = self._executor.loop.create_future()
        batch = self._waiting or self._gather()
        batch.keys.update(dict.fromkeys(keys))
        batch.waiters.append(waiter)
        return await waiter

    def close(self) -> None:
        """Send no more; who waits to be sent gets CacheUnavailable."""
        if self._waiting:
            batch, self._waiting = self._waiting, None
            batch.set_exception(CacheUnavailable("the cache was closed before it answered"))

    def landed(self, batch: _Batch) -> None:
        """A round trip has ended, or its deadline has passed."""
        if self._under_way is batch:
            self._under_way = None
            if self._waiting:
                self._send(self._waiting)

    def _gather(self) -> _Batch:
        loop, deadline_s = self._executor.loop, self._executor.deadline_s
        if self._under_way is None:
            batch = _Batch(self, deadline_s)
            loop.call_soon(self._send, batch)
        else:
            batch = _Batch(self, deadline_s * (1 - PATIENCE))
            loop.call_later(deadline_s * PATIENCE, self._send, batch)
        self._waiting = batch
        return batch

    def _send(self, batch: _Batch) -> None:
        if self._waiting is not batch:  # it went when the one before it landed
            return
        self._waiting, self._under_way = None, batch
        try:
            self._executor.start(partial(_read, list(batch.keys)), batch, batch.deadline_s)
        except BaseException as error:
            # Nobody else would ever tell those who wait.
            batch.set_exception(error)
            raise


async def _read(keys: Sequence[str], client: Client) -> Values:
    if isinstance(client, RedisCluster):
        # One command a slot, in a pipeline for each node: it refuses any other.
        found = await client.mget_nonatomic(keys)
        return dict(zip(keys, cast("list[bytes | None]", found), strict=True))
    commands = [("MGET", *some) for some in batched(keys, MAX_KEYS, strict=False)]
    answers = await send(client, commands)
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer
    return dict(zip(keys, chain.from_iterable(answers), strict=True))
