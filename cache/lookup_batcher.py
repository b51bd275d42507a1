"""Batches lookups: those that come together share a round trip."""

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

#: Most keys of one command. While a server answers it, all other clients wait.
MAX_KEYS = 1000

#: The longest that lookups wait for the round trip before theirs, as a share of the deadline. In a
#: near network that one ends sooner; in a far one, waiting for it would double a lookup's time.
MAX_WAIT = 0.05

type Values = Mapping[str, bytes | None]


class _Batch:
    """Lookups that share a round trip. It is the outcome of the operation."""

    def __init__(self, batcher: LookupBatcher, deadline_s: float) -> None:
        #: Counts from when the batch is sent: time before that is not the server's.
        self.deadline_s = deadline_s
        self.keys: dict[str, None] = {}
        self.waiters: list[asyncio.Future[Values]] = []
        self._batcher = batcher
        self._done = False

    def done(self) -> bool:
        return self._done

    def set_result(self, values: Values, /) -> None:
        for waiter in self.waiters:
            if not waiter.done():
                waiter.set_result(values)
        self._end()

    def set_exception(self, exception: BaseException, /) -> None:
        for waiter in self.waiters:
            if not waiter.done():
                waiter.set_exception(exception)
        self._end()

    def _end(self) -> None:
        self._done = True
        self._batcher.on_batch_end(self)


class LookupBatcher:
    """Sends the lookups of one iteration of the event loop together, and then those that came while
    Redis answered.

    A cancelled caller does not affect the others of its batch.
    """

    def __init__(self, executor: RedisExecutor) -> None:
        self._executor = executor
        self._waiting: _Batch | None = None
        self._sent: _Batch | None = None

    async def get(self, keys: Iterable[str]) -> Values:
        """The stored values of these keys, and maybe of others. Raises CacheUnavailable."""
        waiter: asyncio.Future[Values] = self._executor.loop.create_future()
        batch = self._waiting or self._new_batch()
        batch.keys.update(dict.fromkeys(keys))
        batch.waiters.append(waiter)
        return await waiter

    def close(self) -> None:
        """Send no more. Lookups that wait to be sent raise CacheUnavailable."""
        if self._waiting:
            batch, self._waiting = self._waiting, None
            batch.set_exception(CacheUnavailable("the cache was closed before it answered"))

    def on_batch_end(self, batch: _Batch) -> None:
        """Called by a batch when it has its outcome: send the next one."""
        if self._sent is batch:
            self._sent = None
            if self._waiting:
                self._send(self._waiting)

    def _new_batch(self) -> _Batch:
        loop, deadline_s = self._executor.loop, self._executor.deadline_s
        if self._sent is None:
            batch = _Batch(self, deadline_s)
            loop.call_soon(self._send, batch)
        else:
            batch = _Batch(self, deadline_s * (1 - MAX_WAIT))
            loop.call_later(deadline_s * MAX_WAIT, self._send, batch)
        self._waiting = batch
        return batch

    def _send(self, batch: _Batch) -> None:
        if self._waiting is not batch:  # it was sent when the one before it ended
            return
        self._waiting, self._sent = None, batch
        try:
            self._executor.start(partial(_read, list(batch.keys)), batch, batch.deadline_s)
        except BaseException as error:
            # Otherwise the callers would wait for ever.
            batch.set_exception(error)
            raise


async def _read(keys: Sequence[str], client: Client) -> Values:
    if isinstance(client, RedisCluster):
        # A cluster accepts one command for each slot; these go in a pipeline for each node.
        found = await client.mget_nonatomic(keys)
        return dict(zip(keys, cast("list[bytes | None]", found), strict=True))
    commands = [("MGET", *some) for some in batched(keys, MAX_KEYS, strict=False)]
    answers = await send(client, commands)
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer
    return dict(zip(keys, chain.from_iterable(answers), strict=True))
