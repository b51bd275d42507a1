"""One event loop's way to Redis: operations with a deadline that cuts none of them off."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from redis import exceptions
from redis.asyncio import RedisCluster

from cache import redis_client
from cache.breaker import CircuitBreaker
from cache.errors import CacheUnavailable
from cache.redis_client import MAX_CONNECTIONS, Client

#: Seconds after its deadline at which an operation that nobody waits for is given up. Connecting
#: over TLS may take longer than a deadline: it goes on behind the caller's back, and the next
#: operation finds it.
ABANDON_S = 5.0

#: Seconds that closing waits for what it gave up, and for the connections.
CLOSE_S = 1.0

#: Where less than this is left of a longer deadline, no server answers in time.
LEAST_S = 0.001

#: A deadline that passes so much late, as a share of it and in seconds, passed while the event
#: loop stood still: what Redis answered meanwhile was not read.
STALLED = 0.1
STALLED_S = 0.002

#: All that redis-py raises when the server, not the program, is at fault. An unreachable cluster
#: is none of its RedisErrors.
OUTAGES = (exceptions.RedisError, exceptions.RedisClusterException, OSError)

type Operation[T] = Callable[[Client], Awaitable[T]]


@dataclass(slots=True)
class RedisCounts:
    """What a RedisCache has done since it was made."""

    #: Keys that were looked up in Redis and found, or not found.
    redis_hits: int = 0
    redis_misses: int = 0
    #: Requests to Redis, however many commands each carried.
    round_trips: int = 0
    #: Stores that were dropped, because Redis was away or too many waited.
    stores_shed: int = 0


class Outcome[T](Protocol):
    """Who is told how an operation ended, once. A future is one."""

    def done(self) -> bool: ...

    def set_result(self, result: T, /) -> None: ...

    def set_exception(self, exception: BaseException, /) -> None: ...


class _Trip[T]:
    """An operation under way. The times are time.monotonic()'s: uvloop's own clock stands still
    for as long as a callback runs.
    """

    timer: asyncio.Handle
    task: asyncio.Task[None]

    def __init__(self, outcome: Outcome[T], due: float) -> None:
        self.outcome, self.due = outcome, due
        #: Whether it was given a second deadline, because the loop stood still in the first.
        self.renewed = False
        #: Whether the server let its deadline pass: what comes of it later counts no more.
        self.expired = False

    def fail(self, error: Exception) -> None:
        if not self.outcome.done():
            self.outcome.set_exception(error)


class RedisExecutor:
    """A client, the event loop it lives on, and the operations under way.

    Each is told its outcome by its own task, by its deadline or by `close`, whichever is first.
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
        self._stalled_s = max(STALLED * deadline_s, STALLED_S)
        self._place = place
        self._counts = counts
        self._client = client
        self._slots = asyncio.Semaphore(MAX_CONNECTIONS)
        self._trips: dict[asyncio.Task[None], _Trip[Any]] = {}
        self._closed = False

    def __repr__(self) -> str:
        return f"<RedisExecutor {self._place}, {self.under_way} operations under way>"

    @property
    def under_way(self) -> int:
        return len(self._trips)

    def require_closed(self) -> None:
        """Raise CacheUnavailable where the breaker lets no call pass."""
        if not self.breaker.allows_call():
            raise CacheUnavailable(f"{self._place} is away and not asked for now")

    async def do[T](self, operation: Operation[T]) -> T:
        """An operation's result within the deadline, else CacheUnavailable.

        Where the event loop stands still meanwhile, the deadline begins anew, once.
        """
        outcome: asyncio.Future[T] = self.loop.create_future()
        self.begin(operation, outcome, self.deadline_s)
        return await outcome

    def begin[T](self, operation: Operation[T], outcome: Outcome[T], deadline_s: float) -> None:
        """Start an operation whose outcome is told at `deadline_s` from now, as `do` tells it.

        It runs in a task of its own, which neither the deadline nor a caller's cancellation
        ends: an answer that is read to its end leaves the connection fit for the next one.
        """
        trip = _Trip(outcome, time.monotonic() + deadline_s)
        if self._closed:
            trip.fail(self._closed_meanwhile())
            return
        if deadline_s < LEAST_S < self.deadline_s:
            trip.fail(CacheUnavailable(f"{self._place}: too little time was left to ask"))
            return
        self._counts.round_trips += 1
        trip.timer = self.loop.call_later(deadline_s, self._late, trip)
        trip.task = asyncio.Task(self._run(operation, trip), loop=self.loop, eager_start=True)
        if not trip.task.done():
            self._trips[trip.task] = trip
            trip.task.add_done_callback(self._trips.pop)

    async def close(self) -> None:
        """Give up what is under way, and close the connections. It takes 2 CLOSE_S at most."""
        self._closed = True
        under_way = dict(self._trips)
        for task in under_way:
            task.cancel()
        if under_way:
            await asyncio.wait(under_way, timeout=CLOSE_S)
        for trip in under_way.values():
            trip.fail(self._closed_meanwhile())
        with suppress(*OUTAGES):
            async with asyncio.timeout(CLOSE_S):
                await redis_client.close(self._client)

    async def _run[T](self, operation: Operation[T], trip: _Trip[T]) -> None:
        """Tell the breaker, unless the deadline has passed: then it has been told."""
        try:
            async with self._slots:
                if isinstance(self._client, RedisCluster):
                    # It would send what comes before that to any node.
                    await self._client.initialize()
                result = await operation(self._client)
        except OUTAGES as error:
            if not trip.expired:
                self.breaker.record_failure(f"{type(error).__name__}: {error}")
            unavailable = CacheUnavailable(f"{self._place}: {str(error) or type(error).__name__}")
            unavailable.__cause__ = error
            trip.fail(unavailable)
            if not isinstance(error, exceptions.ResponseError):
                await self._look_again()
        except Exception as error:  # noqa: BLE001 - a fault of the program is its caller's to see
            trip.fail(error)
        else:
            if not trip.expired:
                self.breaker.record_success()
            if not trip.outcome.done():
                trip.outcome.set_result(result)
        finally:
            trip.timer.cancel()
            # Cancelled, by `close` or because nobody waits, or ended by what is no Exception.
            trip.fail(self._closed_meanwhile())

    async def _look_again(self) -> None:
        """Learn the shape of a cluster: a node was lost, and pipelines do not see to it."""
        if isinstance(self._client, RedisCluster):
            with suppress(*OUTAGES):
                async with asyncio.timeout(ABANDON_S):
                    await self._client.nodes_manager.initialize()

    def _late[T](self, trip: _Trip[T]) -> None:
        now = time.monotonic()
        late_s = now - trip.due
        if late_s > self._stalled_s and not trip.renewed and not trip.outcome.done():
            trip.renewed, trip.due = True, now + self.deadline_s
            trip.timer = self.loop.call_later(self.deadline_s, self._late, trip)
            return
        trip.timer = self.loop.call_later(ABANDON_S, trip.task.cancel)
        # The second deadline counts unless the loop stood still for longer than it ran: a server
        # that is away is to be found so on a busy machine too.
        trip.expired = late_s <= (self.deadline_s if trip.renewed else self._stalled_s)
        if trip.outcome.done():  # whoever waited has left
            return
        if trip.expired:
            self.breaker.record_failure("no answer in time")
        within = f"within {self.deadline_s * 1000:g} ms"
        trip.fail(CacheUnavailable(f"{self._place} did not answer {within}"))

    def _closed_meanwhile(self) -> CacheUnavailable:
        return CacheUnavailable(f"{self._place}: the cache was closed meanwhile")
