"""Redis: it answers the app's own client in time, and accepts every command that the app sends."""

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
from deploy.app_settings import AppSettings
from deploy.doctor import redis_errors
from deploy.doctor.findings import DEADLINE_S, NOT_CHECKED, Finding

#: How many round trips are timed.
PINGS = 5
#: Milliseconds after which the probe expires if it may not be deleted.
PROBE_MS = 10_000


async def check(app: AppSettings) -> AsyncIterator[Finding]:
    settings = app.cache
    if settings is None:
        yield NOT_CHECKED
        return
    if not settings.redis_url:
        yield Finding("REDIS_URL is empty: each worker caches in its own memory")
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
        async for finding in _findings(client, settings):
            yield finding
    finally:
        await redis_client.close(client)
        if tokens is not None:
            await tokens.close()


async def _findings(client: Client, settings: CacheSettings) -> AsyncIterator[Finding]:
    place = str(settings.redis)
    try:
        taken_ms = await _round_trip_ms(client)
    except redis_errors.UNUSABLE as error:
        yield Finding(f"{place} cannot be used", redis_errors.fix_connection(error, settings))
        return
    in_time = taken_ms < settings.timeout_ms
    yield Finding(
        f"{place} answers in {taken_ms:.1f} ms, CACHE_TIMEOUT_MS is {settings.timeout_ms:g}",
        None if in_time else "raise CACHE_TIMEOUT_MS, or use a server that is nearer",
    )
    try:
        info: Mapping[str, Any] = await _within_deadline(client.info())
    except exceptions.NoPermissionError:
        yield Finding("version and eviction policy are unknown: the user may not INFO")
    else:
        for finding in _server(info, settings):
            yield finding
    yield await _commands(client)


async def _round_trip_ms(client: Client) -> float:
    """The median round trip of an open connection, in milliseconds."""
    if isinstance(client, RedisCluster):
        await _within_deadline(client.initialize())
    await _within_deadline(client.ping())
    taken = []
    for _ in range(PINGS):
        began = time.monotonic()
        await _within_deadline(client.ping())
        taken.append(time.monotonic() - began)
    return statistics.median(taken) * 1000


def _server(info: Mapping[str, Any], settings: CacheSettings) -> Iterator[Finding]:
    """Version, mode and memory, as INFO reports them."""
    mode = info.get("redis_mode", "standalone")
    unexpected = mode == "cluster" and not settings.redis_cluster
    yield Finding(
        f"Redis {info.get('redis_version', 'of unknown version')}, {mode}",
        "set REDIS_CLUSTER=true" if unexpected else None,
    )
    limit, policy = info.get("maxmemory", 0), info.get("maxmemory_policy", "unknown")
    if not limit:
        yield Finding("maxmemory is not set: the server's memory has no limit of its own")
        return
    yield Finding(
        f"maxmemory is {limit:,} bytes, maxmemory-policy is {policy}",
        "set maxmemory-policy to allkeys-lru: a full server of this policy stores nothing more"
        if policy == "noeviction"
        else None,
    )


async def _commands(client: Client) -> Finding:
    """Store, look up, replace and release as the app does, with a key of its prefix."""
    key, token = f"triscore:doctor:{secrets.token_hex(8)}", secrets.token_hex(8)
    commands: Sequence[tuple[str | int, ...]] = (
        ("SET", key, token, "PX", PROBE_MS, "NX"),
        ("MGET", key),
        ("EVAL", REPLACE, 1, key, 0, token, token, PROBE_MS),
        ("EVAL", RELEASE, 1, key, token),
    )
    for command, *arguments in commands:
        try:
            await _within_deadline(client.execute_command(command, *arguments))
        except exceptions.ResponseError as error:
            return Finding(f"{command} is refused", redis_errors.fix_command(str(command), error))
    return Finding("SET, MGET and EVAL are accepted on keys that begin with triscore:")


async def _within_deadline[T](awaitable: Awaitable[T]) -> T:
    async with asyncio.timeout(DEADLINE_S):
        return await awaitable
