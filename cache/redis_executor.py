"""Runs Redis operations on one event loop: each has a deadline, and a late one is not cut off."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from redis import exceptions
from redis.asyncio import RedisCluster

from cache import redis_client, redis_connection
from cache.breaker import CircuitBreaker
from cache.errors import CacheUnavailable
from cache.redis_client import MAX_CONNECTIONS, Client

#: Seconds after its deadline at which an operation is cancelled. Connecting over TLS may take
#: longer than a deadline: it goes on in the background, and the next operation uses it.
ABANDON_S = 5.0

#: Seconds that closing waits for cancelled operations, and for the connections.
CLOSE_S = 1.0

#: With fewer seconds left of a longer deadline, no server answers in time.
LEAST_S = 0.001

#: A timer that fires this much late, as a share of its deadline and in seconds, shows that the
#: event loop was blocked: an answer of Redis may lie unread.
BLOCKED = 0.1
BLOCKED_S = 0.002

#: All that redis-py raises when the server is at fault, not the program. RedisClusterException is
#: not a RedisError.
OUTAGES = (exceptions.RedisError, exceptions.RedisClusterException, OSError)

type Operation[T] = Callable[[Client], Awaitable[T]]


@dataclass(slots=True)
class RedisCounts:
    """What a RedisCache has done since it was made."""

    #: Requests to Redis, however many commands each carried.
    round_trips: int = 0
    #: Stores that were dropped, because Redis was away or too many waited.
    stores_shed: int = 0


class Outcome[T](Protocol):
    """Receives the result or the error of an operation, once. A future is one."""

    def done(self) -> bool: ...

    def set_result(self, result: T, /) -> None: ...

    def set_exception(self, exception: BaseException, /) -> None: ...


class _Pending[T]:
    """An operation that has not ended. Times are those of time.monotonic(): uvloop's clock does not
    advance while a callback runs.
    """

    timer: asyncio.Handle
    task: asyncio.Task[None]

    def __init__(self, outcome: Outcome[T], due: float) -> None:
        self.outcome, self.due = outcome, due
        #: Whether the deadline was extended, because the event loop was blocked.
        self.extended = False
        #: Whether the server missed the deadline. How the operation ends then counts no more.
        self.expired = False

    def fail(self, error: Exception) -> None:
        if not self.outcome.done():
            self.outcome.set_exception(error)


class RedisExecutor:
    """A client, its event loop, and the operations that run on it.

    An operation's own task, its deadline or `close` sets its outcome: the first of them counts.
    """

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
        self._blocked_s = max(BLOCKED * deadline_s, BLOCKED_S)
        self._place = place
        self._counts = counts
        self._client = client
        self._slots = asyncio.Semaphore(MAX_CONNECTIONS)
        self._running: dict[asyncio.Task[None], _Pending[Any]] = {}
        self._closed = False

    def __repr__(self) -> str:
        return f"<RedisExecutor {self._place}, {self.running} operations>"

    @property
    def running(self) -> int:
        """How many operations have not ended."""
        return len(self._running)

    def require_available(self) -> None:
        """Raise CacheUnavailable if the circuit breaker allows no call now."""
        if not self.breaker.allows_call():
            raise CacheUnavailable(f"{self._place} is away: it is not asked for now")

    async def run[T](self, operation: Operation[T]) -> T:
        """An operation's result within the deadline. Raises CacheUnavailable.

        If the event loop was blocked in that time, the deadline is extended once.
        """
        outcome: asyncio.Future[T] = self.loop.create_future()
        self.start(operation, outcome, self.deadline_s)
        return await outcome

    def start[T](self, operation: Operation[T], outcome: Outcome[T], deadline_s: float) -> None:
        """Start an operation; `outcome` is set within `deadline_s`, as by `run`.

        The operation has a task of its own. Neither the deadline nor a cancelled caller ends it: a
        connection whose answer was read to its end can be used again.
        """
        pending = _Pending(outcome, time.monotonic() + deadline_s)
        if self._closed:
            pending.fail(self._closed_error())
            return
        if deadline_s < LEAST_S < self.deadline_s:
            pending.fail(CacheUnavailable(f"{self._place}: too little time was left to ask"))
            return
        self._counts.round_trips += 1
        pending.timer = self.loop.call_later(deadline_s, self._on_deadline, pending)
        pending.task = asyncio.Task(self._run(operation, pending), loop=self.loop, eager_start=True)
        if not pending.task.done():
            self._running[pending.task] = pending
            pending.task.add_done_callback(self._running.pop)

    async def close(self) -> None:
        """Cancel the operations and close the connections, within 2 CLOSE_S."""
        self._closed = True
        running = dict(self._running)
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running, timeout=CLOSE_S)
        for pending in running.values():
            pending.fail(self._closed_error())
        with suppress(*OUTAGES):
            async with asyncio.timeout(CLOSE_S):
                await redis_client.close(self._client)

    async def _run[T](self, operation: Operation[T], pending: _Pending[T]) -> None:
        """Report to the breaker, unless the deadline has passed and done so."""
        try:
            async with self._slots:
                if isinstance(self._client, RedisCluster):
                    # Before it is initialized, a command would go to any node.
                    await self._client.initialize()
                result = await operation(self._client)
        except OUTAGES as error:
            if not pending.expired:
                self.breaker.record_failure(f"{type(error).__name__}: {error}")
            unavailable = CacheUnavailable(f"{self._place}: {str(error) or type(error).__name__}")
            unavailable.__cause__ = error
            pending.fail(unavailable)
            if not isinstance(error, exceptions.ResponseError):
                await self._reload_topology()
        except Exception as error:  # noqa: BLE001 - an error of the program goes to the caller
            pending.fail(error)
        else:
            if not pending.expired:
                self.breaker.record_success()
            if not pending.outcome.done():
                pending.outcome.set_result(result)
        finally:
            pending.timer.cancel()
            # For a cancelled task, or an error that is not an Exception.
            pending.fail(self._closed_error())

    async def _reload_topology(self) -> None:
        if isinstance(self._client, RedisCluster):
            with suppress(*OUTAGES):
                async with asyncio.timeout(ABANDON_S):
                    await redis_connection.reload_topology(self._client)

    def _on_deadline[T](self, pending: _Pending[T]) -> None:
        now = time.monotonic()
        late_s = now - pending.due
        if late_s > self._blocked_s and not pending.extended and not pending.outcome.done():
            pending.extended, pending.due = True, now + self.deadline_s
            pending.timer = self.loop.call_later(self.deadline_s, self._on_deadline, pending)
            return
        pending.timer = self.loop.call_later(ABANDON_S, pending.task.cancel)
        # After an extension the loop may have been blocked for up to a whole deadline: otherwise a
        # busy machine would never notice that a server is away.
        pending.expired = late_s <= (self.deadline_s if pending.extended else self._blocked_s)
        if pending.outcome.done():  # the caller was cancelled
            return
        if pending.expired:
            self.breaker.record_failure("no answer in time")
        within = f"within {self.deadline_s * 1000:g} ms"
        pending.fail(CacheUnavailable(f"{self._place} did not answer {within}"))

    def _closed_error(self) -> CacheUnavailable:
        return CacheUnavailable(f"{self._place}: the cache was closed before it answered")
