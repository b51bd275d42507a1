"""The cache in Redis, shared by every worker and every machine."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from redis import exceptions

from cache import entry
from cache.breaker import CircuitBreaker
from cache.degradation import AWAY, Degradation, is_refusal
from cache.entra import Tokens
from cache.entry import Entry
from cache.errors import CacheUnavailable
from cache.keys import PROBE, lease_key
from cache.lookup_batcher import LookupBatcher
from cache.redis_client import Client, Command, open_client, send
from cache.redis_executor import Operation, RedisCounts, RedisExecutor
from cache.settings import CacheSettings
from cache.write_behind import Store, WriteBehind
from cache.write_health import WriteHealth

#: Lifetimes vary by this share, so that values stored together do not expire together.
JITTER = 0.1

#: Milliseconds that the value of a health check lives.
PROBE_MS = 1000

#: Deletes a lease if the caller still holds it: it may have expired, and belong to another process.
RELEASE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""

#: Replaces a value if its bytes after the header are the expected ones: the header holds times.
REPLACE = """
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
if redis.call('GETRANGE', KEYS[1], ARGV[1], -1) ~= ARGV[2] then return 0 end
redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4])
return 1
"""


@dataclass(frozen=True, slots=True)
class _Session:
    """What belongs to one event loop."""

    executor: RedisExecutor
    lookups: LookupBatcher
    behind: WriteBehind
    tokens: Tokens | None


class RedisCache:
    """Values in Redis. Each operation has a deadline. It keeps no values in the process.

    Raises CacheUnavailable and no errors of redis-py. The first operation opens a client for its
    event loop; another event loop gets another client.
    """

    def __init__(
        self,
        settings: CacheSettings,
        *,
        breaker: CircuitBreaker | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._place = str(settings.redis)
        self._breaker = breaker or CircuitBreaker(self._place)
        self._clock = clock
        self._writes = WriteHealth(self._place)
        self._counts = RedisCounts()
        self._session: _Session | None = None
        #: Tokens of the leases that this process holds.
        self._leases: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"<RedisCache {self._place} {self.state}>"

    #: Whether other processes share it.
    remote = True
    #: It is used alone where NEAR_CACHE_BYTES is 0.
    near = False

    @property
    def degradation(self) -> Degradation | None:
        """Why it is degraded, if the last operations failed."""
        return self._writes.degradation if self._breaker.last_call_succeeded else AWAY

    @property
    def state(self) -> str:
        """`ok` or `degraded`."""
        return "degraded" if self.degradation else "ok"

    def counts(self) -> Mapping[str, int]:
        """What it has done since the start."""
        return asdict(self._counts) | {"breaker_openings": self._breaker.openings}

    def gauges(self) -> Mapping[str, float]:
        """What is so now."""
        waiting = 0 if self._session is None else len(self._session.behind)
        return {
            "redis_breaker_open": float(self._breaker.is_open),
            "redis_pending_writes": float(waiting),
        }

    async def ping(self) -> bool:
        """Whether it answers reads. It also writes, and updates `degradation` with the outcome.

        It calls even if the breaker is open: a health check is the way to notice a recovery.
        """
        try:
            refusal = await self._current().executor.run(_probe)
        except CacheUnavailable:
            return False
        if refusal is None:
            self._writes.record_success(probe=True)
        else:
            self._writes.record_refusal(refusal)
        return True

    def peek(self, key: str) -> Entry | None:  # noqa: ARG002 - it keeps nothing in the process
        return None

    async def get(self, key: str) -> Entry | None:
        return (await self.get_many((key,)))[0]

    async def get_many(self, keys: Sequence[str]) -> list[Entry | None]:
        if not keys:
            return []
        session = self._available()
        values = await session.lookups.get(keys)
        now_s = self._clock()
        return [
            None if (stored := values[key]) is None else entry.unpack(stored, now_s=now_s)
            for key in keys
        ]

    async def put(self, key: str, value: bytes, *, ttl_s: float) -> None:
        """Store for `ttl_s` seconds, without jitter: callers rely on this lifetime."""
        await self._set(key, self._store(value, ttl_s, fixed=False))

    async def add(self, key: str, value: bytes, *, ttl_s: float) -> bool:
        return await self._set(key, self._store(value, ttl_s, fixed=False), nx=True)

    async def replace(self, key: str, old: bytes, new: bytes, *, ttl_s: float) -> bool:
        stored, lifetime_ms = self._store(new, ttl_s, fixed=False)
        arguments = (entry.HEADER_BYTES, old, stored, lifetime_ms)
        done = await self._write(lambda client: client.eval(REPLACE, 1, key, *arguments))
        if isinstance(done, exceptions.ResponseError):
            raise self._writes.error(done) from done
        return bool(done)

    def keep(self, items: Sequence[tuple[str, bytes]], *, ttl_s: float) -> None:
        """It keeps nothing in the process."""

    def store_soon(self, items: Sequence[tuple[str, bytes]], *, ttl_s: float) -> None:
        """Store after this returns, each for `ttl_s` seconds, give or take a tenth."""
        behind = self._current().behind
        for key, value in items:
            behind.put(key, self._store(value, _jittered(ttl_s), fixed=True))

    async def lease(self, key: str, *, ttl_s: float) -> bool:
        token = secrets.token_hex(16)
        store = Store(token.encode(), _milliseconds(ttl_s))
        if done := await self._set(lease_key(key), store, nx=True):
            self._leases[key] = token
        return done

    async def is_leased(self, key: str) -> bool:
        session = self._available()
        return bool(await session.executor.run(lambda client: client.exists(lease_key(key))))

    async def release(self, key: str) -> None:
        token = self._leases.pop(key, None)
        if token is None:
            return
        # If Redis is away or refuses, the lease expires.
        with suppress(CacheUnavailable):
            await self._write(lambda client: client.eval(RELEASE, 1, lease_key(key), token))

    async def flush(self) -> None:
        """Wait until the stores so far are written or dropped, FLUSH_S at most."""
        if self._session is not None:
            await self._session.behind.flush()

    async def close(self) -> None:
        """Write the stores that wait, cancel running operations and close the connections.

        It takes FLUSH_S + 4 CLOSE_S at most. A later operation opens a new client.
        """
        session, self._session = self._session, None
        if session is None or session.executor.loop is not asyncio.get_running_loop():
            return
        try:
            await session.behind.close()
        finally:
            # Even after an error: callers must not wait for ever.
            session.lookups.close()
            await session.executor.close()
            if session.tokens is not None:
                await session.tokens.close()

    async def _set(self, key: str, store: Store, *, nx: bool = False) -> bool:
        """Whether the value was stored. Raises CacheUnavailable."""
        stored, lifetime_ms = store
        done = await self._write(lambda client: client.set(key, stored, px=lifetime_ms, nx=nx))
        if isinstance(done, exceptions.ResponseError):
            self._writes.record_refusal(done)
            raise self._writes.error(done) from done
        self._writes.record_success()
        return bool(done)

    async def _write(self, write: Operation[Any]) -> Any:
        """The result of a write, or the error with which the server refused it. A refusal does not
        count for the breaker: the server answers, and may serve reads. Raises CacheUnavailable.
        """
        return await self._available().executor.run(partial(_result_or_refusal, write))

    def _store(self, value: bytes, ttl_s: float, *, fixed: bool) -> Store:
        stored = entry.pack(value, now_s=self._clock(), ttl_s=ttl_s, fixed=fixed)
        return Store(stored, _milliseconds(ttl_s))

    def _available(self) -> _Session:
        """The session. Raises CacheUnavailable if the breaker allows no call now."""
        session = self._current()
        session.executor.require_available()
        return session

    def _current(self) -> _Session:
        session = self._session
        if session is None or session.executor.loop is not asyncio.get_running_loop():
            tokens = Tokens() if self._settings.redis_auth == "entra" else None
            executor = RedisExecutor(
                open_client(self._settings, tokens, self._writes),
                place=self._place,
                breaker=self._breaker,
                counts=self._counts,
                deadline_s=self._settings.timeout_ms / 1000,
            )
            session = _Session(
                executor,
                LookupBatcher(executor),
                WriteBehind(executor, self._counts, self._writes),
                tokens,
            )
            self._session = session
        return session


async def _result_or_refusal(operation: Operation[Any], client: Client) -> Any:
    try:
        return await operation(client)
    except exceptions.ResponseError as error:
        if is_refusal(error):
            return error
        raise


async def _probe(client: Client) -> exceptions.ResponseError | None:
    """Read and write a value; returns the error if the server refused to write."""
    commands: list[Command] = [("GET", PROBE), ("SET", PROBE, "", "PX", PROBE_MS)]
    read, written = await send(client, commands)
    if isinstance(read, Exception):
        raise read
    if isinstance(written, Exception) and not is_refusal(written):
        raise written
    return written if isinstance(written, exceptions.ResponseError) else None


def _jittered(ttl_s: float) -> float:
    return ttl_s * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))
