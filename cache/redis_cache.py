"""The cache in Redis, shared by every worker and every machine."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import cast

from redis import exceptions

from cache import entry
from cache.breaker import CircuitBreaker
from cache.entry import Entry
from cache.errors import CacheUnavailable
from cache.redis_client import MAX_CONNECTIONS, Client, open_client
from cache.settings import CacheSettings, without_secret

log = logging.getLogger(__name__)

#: Seconds after which an operation that nobody waits for is given up. Connecting over TLS may
#: take longer than a deadline: it goes on behind the caller's back, and the next one finds it.
ABANDON_S = 5.0

#: Lifetimes vary by this much, so that what was stored together does not expire together.
JITTER = 0.1

#: All that redis-py raises when the server, not the program, is at fault. An unreachable cluster
#: is none of its RedisErrors.
OUTAGES = (exceptions.RedisError, exceptions.RedisClusterException, OSError)


@dataclass
class _Session:
    """A client, the loop it lives on, and the operations under way."""

    loop: asyncio.AbstractEventLoop
    client: Client
    slots: asyncio.Semaphore
    tasks: set[asyncio.Task[object]] = field(default_factory=set)


class RedisCache:
    """Values in Redis, each operation within a deadline.

    Raises CacheUnavailable, and nothing else of Redis. The client is opened by the first
    operation, on its event loop; another loop gets another client.
    """

    def __init__(
        self,
        settings: CacheSettings,
        *,
        breaker: CircuitBreaker | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._place = without_secret(settings.redis_url)
        self._deadline_s = settings.timeout_ms / 1000
        self._breaker = breaker or CircuitBreaker(self._place)
        self._clock = clock
        self._session: _Session | None = None

    def __repr__(self) -> str:
        return f"<RedisCache {self._place} {self.state}>"

    @property
    def state(self) -> str:
        """`ok`, or `degraded` when the last operation failed."""
        return "ok" if self._breaker.is_well else "degraded"

    async def ping(self) -> bool:
        """Ask the server, whatever the breaker says: this is how health finds it well again."""
        try:
            await self._in_time(lambda client: client.ping())
        except CacheUnavailable:
            return False
        return True

    async def get(self, key: str) -> Entry | None:
        self._require_closed()
        stored = await self._in_time(lambda client: _read(client, key))
        return None if stored is None else entry.unpack(stored, now_s=self._clock())

    async def put(self, key: str, value: bytes, *, ttl_s: float) -> None:
        """Store for `ttl_s` seconds, a tenth more or less."""
        self._require_closed()
        stored = entry.pack(value, now_s=self._clock())
        lifetime_ms = _milliseconds(ttl_s * random.uniform(1 - JITTER, 1 + JITTER))  # noqa: S311
        await self._in_time(lambda client: client.set(key, stored, px=lifetime_ms))

    async def add(self, key: str, value: bytes, *, ttl_s: float) -> bool:
        self._require_closed()
        stored = entry.pack(value, now_s=self._clock())
        lifetime_ms = _milliseconds(ttl_s)
        done = await self._in_time(lambda client: client.set(key, stored, px=lifetime_ms, nx=True))
        return bool(done)

    async def close(self) -> None:
        """Give up what is under way and close the connections; a later operation reopens them."""
        session, self._session = self._session, None
        if session is None or session.loop is not asyncio.get_running_loop():
            return
        for task in session.tasks:
            task.cancel()
        await asyncio.gather(*session.tasks, return_exceptions=True)
        await session.client.aclose()

    def _require_closed(self) -> None:
        if not self._breaker.allows():
            raise CacheUnavailable(f"{self._place} is away and not asked for now")

    async def _in_time[T](self, operation: Callable[[Client], Awaitable[T]]) -> T:
        """The operation's result within the deadline, else CacheUnavailable.

        It runs in a task of its own, which neither the deadline nor a caller's cancellation
        ends: an answer that is read to its end leaves the connection fit for the next one.
        """
        session = self._current()
        deadline = session.loop.time() + self._deadline_s
        task = session.loop.create_task(self._account(session, operation, deadline))
        session.tasks.add(task)
        task.add_done_callback(session.tasks.discard)
        done, _ = await asyncio.wait({task}, timeout=self._deadline_s)
        if not done:
            self._breaker.failed("no answer in time")
            raise CacheUnavailable(
                f"{self._place} did not answer within {self._settings.timeout_ms:g} ms"
            )
        if task.cancelled():
            raise CacheUnavailable(f"{self._place}: the cache was closed meanwhile")
        outcome = task.result()
        if isinstance(outcome, CacheUnavailable):
            raise outcome
        return outcome

    async def _account[T](
        self, session: _Session, operation: Callable[[Client], Awaitable[T]], deadline: float
    ) -> T | CacheUnavailable:
        """Run the operation and tell the breaker, unless it is late: then the caller has."""
        try:
            async with asyncio.timeout(ABANDON_S), session.slots:
                result = await operation(session.client)
        except OUTAGES as error:
            if session.loop.time() < deadline:
                self._breaker.failed(f"{type(error).__name__}: {error}")
            unavailable = CacheUnavailable(f"{self._place}: {error}")
            unavailable.__cause__ = error
            return unavailable
        if session.loop.time() < deadline:
            self._breaker.succeeded()
        return result

    def _current(self) -> _Session:
        loop = asyncio.get_running_loop()
        if self._session is None or self._session.loop is not loop:
            slots = asyncio.Semaphore(MAX_CONNECTIONS)
            self._session = _Session(loop, open_client(self._settings), slots)
        return self._session


async def _read(client: Client, key: str) -> bytes | None:
    try:
        stored = await client.get(key)
    except exceptions.ResponseError as error:
        # Something else lives under the key, a list for example: no value of ours.
        if str(error).startswith("WRONGTYPE"):
            return None
        raise
    return cast("bytes | None", stored)


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))
