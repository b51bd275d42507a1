"""Redis: it answers the app's own client, which may do there all that the app does."""

from __future__ import annotations

import asyncio
import secrets
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Iterator, Mapping, Sequence
from typing import Any

from redis import exceptions
from redis.asyncio import RedisCluster

from cache import entra, redis_client
from cache.errors import CacheSettingError
from cache.redis_cache import RELEASE, REPLACE
from cache.redis_client import Client
from cache.settings import CacheSettings
from deploy.doctor import redis_faults
from deploy.doctor.configured import Configured
from deploy.doctor.findings import DEADLINE_S, UNREAD, Finding

#: Round trips that are timed.
PINGS = 5
#: Milliseconds that the probe is kept where it may not be deleted.
PROBE_MS = 10_000


async def check(configured: Configured) -> AsyncIterator[Finding]:
    settings = configured.cache
    if settings is None:
        yield UNREAD
        return
    if not settings.redis_url:
        yield Finding("REDIS_URL is empty: each worker caches for itself")
        return
    if settings.redis_auth == "entra":
        try:
            entra.require_installed()
        except CacheSettingError as error:
            yield Finding(f"REDIS_AUTH is {error.value}", f"set {error.expected}")
            return
    tokens = entra.Tokens() if settings.redis_auth == "entra" else None
    client = redis_client.open_client(settings, tokens)
    try:
        async for finding in _asked(client, settings):
            yield finding
    finally:
        await redis_client.close(client)
        if tokens is not None:
            await tokens.close()


async def _asked(client: Client, settings: CacheSettings) -> AsyncIterator[Finding]:
    place = str(settings.redis)
    try:
        taken_ms = await _round_trip_ms(client)
    except redis_faults.UNUSABLE as error:
        yield Finding(f"{place} cannot be used", redis_faults.unusable(error, settings))
        return
    in_time = taken_ms < settings.timeout_ms
    yield Finding(
        f"{place} answers in {taken_ms:.1f} ms, CACHE_TIMEOUT_MS is {settings.timeout_ms:g}",
        None if in_time else "raise that, or take a server that is nearer",
    )
    try:
        told: Mapping[str, Any] = await _in_time(client.info())
    except exceptions.NoPermissionError:
        yield Finding("version and eviction policy are not for this user to see (INFO)")
    else:
        for finding in _kind(told, settings):
            yield finding
    yield await _probed(client)


async def _round_trip_ms(client: Client) -> float:
    """The median, once connected."""
    if isinstance(client, RedisCluster):
        await _in_time(client.initialize())
    await _in_time(client.ping())
    taken = []
    for _ in range(PINGS):
        began = time.monotonic()
        await _in_time(client.ping())
        taken.append(time.monotonic() - began)
    return statistics.median(taken) * 1000


def _kind(told: Mapping[str, Any], settings: CacheSettings) -> Iterator[Finding]:
    mode = told.get("redis_mode", "standalone")
    unseen = mode == "cluster" and not settings.redis_cluster
    yield Finding(
        f"Redis {told.get('redis_version', 'of no version')}, {mode}",
        "set REDIS_CLUSTER=true" if unseen else None,
    )
    limit, policy = told.get("maxmemory", 0), told.get("maxmemory_policy", "unknown")
    if not limit:
        yield Finding("its memory has no limit of its own")
    else:
        yield Finding(
            f"it holds {limit:,} bytes and then evicts by {policy}",
            "set maxmemory-policy to allkeys-lru: once full it stores nothing more"
            if policy == "noeviction"
            else None,
        )


async def _probed(client: Client) -> Finding:
    """Store, look up, replace and release as the app does, under a name of its prefix."""
    key, token = f"triscore:doctor:{secrets.token_hex(8)}", secrets.token_hex(8)
    commands: Sequence[tuple[str | int, ...]] = (
        ("SET", key, token, "PX", PROBE_MS, "NX"),
        ("MGET", key),
        ("EVAL", REPLACE, 1, key, 0, token, token, PROBE_MS),
        ("EVAL", RELEASE, 1, key, token),
    )
    for command, *arguments in commands:
        try:
            await _in_time(client.execute_command(command, *arguments))
        except exceptions.ResponseError as error:
            return Finding("the app's commands", redis_faults.refused(str(command), error))
    return Finding("SET, MGET, EVAL are answered under triscore:")


async def _in_time[T](asked: Awaitable[T]) -> T:
    async with asyncio.timeout(DEADLINE_S):
        return await asked
