"""One event loop's way to Redis: operations with a deadline that cuts none of them off."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Protocol

from redis import exceptions
from redis.asyncio import RedisCluster

from cache import redis_client
from cache.breaker import CircuitBreaker
from cache.counts import RedisCounts
from cache.errors import CacheUnavailable
from cache.redis_client import MAX_CONNECTIONS, Client

#: Seconds after which an operation that nobody waits for is given up. Connecting over TLS may
#: take longer than a deadline: it goes on behind the caller's back, and the next one finds it.
ABANDON_S = 5.0

#: All that redis-py raises when the server, not the program, is at fault. An unreachable cluster
#: is none of its RedisErrors.
OUTAGES = (exceptions.RedisError, exceptions.RedisClusterException, OSError)

type Operation[T] = Callable[[Client], Awaitable[T]]


class Outcome[T](Protocol):
    """Who is told how an operation ended, once. A future is one."""

    def done(self) -> bool: ...

    def set_result(self, result: T, /) -> None: ...

    def set_exception(self, exception: BaseException, /) -> None: ...


class RedisLink:
    """A client, the event loop it lives on, and the operations under way."""

    def __init__(
        self,
        client: Client,
        *,
        place: str,
        breaker: CircuitBreaker,
        counts: RedisCounts,
        deadline_s: float,
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.breaker = breaker
        self.deadline_s = deadline_s
        self._place = place
        self._counts = counts
        self._client = client
        self._slots = asyncio.Semaphore(MAX_CONNECTIONS)
        self._tasks: set[asyncio.Task[None]] = set()

    def __repr__(self) -> str:
        return f"<RedisLink {self._place}, {self.under_way} operations under way>"

    @property
    def under_way(self) -> int:
        return len(self._tasks)

    def require_closed(self) -> None:
        """Raise CacheUnavailable where the breaker lets no call pass."""
        if not self.breaker.allows():
            raise CacheUnavailable(f"{self._place} is away and not asked for now")

    async def do[T](self, operation: Operation[T]) -> T:
        """An operation's result within the deadline, else CacheUnavailable."""
        outcome: asyncio.Future[T] = self.loop.create_future()
        self.begin(operation, outcome, self.deadline_s)
        return await outcome

    def begin[T](self, operation: Operation[T], outcome: Outcome[T], deadline_s: float) -> None:
        """Start an operation whose outcome is told at `deadline_s` from now at the latest.

        It runs in a task of its own, which neither the deadline nor a caller's cancellation
        ends: an answer that is read to its end leaves the connection fit for the next one.
        """
        self._counts.round_trips += 1
        late = self.loop.call_later(deadline_s, self._late, outcome)
        task = asyncio.Task(self._run(operation, outcome, late), loop=self.loop, eager_start=True)
        if not task.done():
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Give up what is under way, and close the connections."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await redis_client.close(self._client)

    async def _run[T](
        self, operation: Operation[T], outcome: Outcome[T], late: asyncio.TimerHandle
    ) -> None:
        """Tell the breaker, unless the deadline has passed: then it has been told."""
        try:
            async with asyncio.timeout(ABANDON_S), self._slots:
                if isinstance(self._client, RedisCluster):
                    # It would send what comes before that to any node.
                    await self._client.initialize()
                result = await operation(self._client)
        except OUTAGES as error:
            if self.loop.time() < late.when():
                self.breaker.failed(f"{type(error).__name__}: {error}")
            unavailable = CacheUnavailable(f"{self._place}: {str(error) or type(error).__name__}")
            unavailable.__cause__ = error
            _fail(outcome, unavailable)
            if not isinstance(error, exceptions.ResponseError):
                await self._look_again()
        except asyncio.CancelledError:
            _fail(outcome, CacheUnavailable(f"{self._place}: the cache was closed meanwhile"))
            raise
        except Exception as error:  # noqa: BLE001 - a fault of the program is its caller's to see
            _fail(outcome, error)
        else:
            if self.loop.time() < late.when():
                self.breaker.succeeded()
            if not outcome.done():
                outcome.set_result(result)
        finally:
            late.cancel()

    async def _look_again(self) -> None:
        """Learn the shape of a cluster: a node was lost, and pipelines do not see to it."""
        if isinstance(self._client, RedisCluster):
            with suppress(*OUTAGES):
                async with asyncio.timeout(ABANDON_S):
                    await self._client.nodes_manager.initialize()

    def _late[T](self, outcome: Outcome[T]) -> None:
        if outcome.done():  # whoever waited has left
            return
        self.breaker.failed("no answer in time")
        _fail(
            outcome,
            CacheUnavailable(f"{self._place} did not answer within {self.deadline_s * 1000:g} ms"),
        )


def _fail[T](outcome: Outcome[T], error: Exception) -> None:
    if not outcome.done():
        outcome.set_exception(error)
