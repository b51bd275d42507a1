"""How this package uses redis-py: no retries and no waiting of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from hiredis import pack_command
from redis import exceptions
from redis.asyncio import Redis, RedisCluster
from redis.asyncio.connection import AbstractConnection, Connection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.maint_notifications import MaintNotificationsConfig

from cache.entra import Tokens
from cache.redis_connection import PlainConnection, TlsConnection, is_address
from cache.settings import CacheSettings

#: An event loop writes from one thread: beyond this, more connections only wait elsewhere.
MAX_CONNECTIONS = 16

Client = Redis | RedisCluster

type Command = tuple[str | bytes | int, ...]


def open_client(settings: CacheSettings, tokens: Tokens | None) -> Client:
    """A client of the running event loop. It connects when it is first used.

    With tokens it signs in by them. It raises where more than MAX_CONNECTIONS operations run at
    once: the caller queues.
    """
    options: dict[str, Any] = {
        "max_connections": MAX_CONNECTIONS,
        "protocol": 3,
        # The cache has deadlines, a breaker and a fallback; a retry would only spend the first.
        "retry": Retry(NoBackoff(), 0),
        "socket_timeout": None,
        "socket_connect_timeout": None,
        # Both are round trips at connecting that nothing here reads.
        "driver_info": None,
        "maint_notifications_config": MaintNotificationsConfig(enabled=False),
        "credential_provider": tokens,
    }
    if settings.redis_cluster:
        # Else every fifth key that has moved closes the connections of everybody.
        client: Client = RedisCluster.from_url(settings.redis_url, reinitialize_steps=0, **options)
    else:
        client = Redis.from_url(settings.redis_url, **options)
    if settings.redis_cluster or tokens is not None:
        _make_connections_long_lived(client, settings.redis_url)
    return client


def _make_connections_long_lived(client: Client, redis_url: str) -> None:
    """Have it connect as redis_connection does; redis-py has no option for that."""
    url = urlsplit(redis_url)
    kind: type[Connection] = PlainConnection
    options: dict[str, Any] = {}
    if url.scheme == "rediss":
        kind = TlsConnection
        options["name"] = None if is_address(url.hostname or "") else url.hostname
    if isinstance(client, RedisCluster):
        client.nodes_manager.connection_kwargs.update(options, connection_class=kind)
        for node in client.startup_nodes:
            node.connection_class = kind
            node.connection_kwargs.update(options)
    else:
        client.connection_pool.connection_class = kind
        client.connection_pool.connection_kwargs.update(options)


async def close(client: Client) -> None:
    """Close its connections."""
    if isinstance(client, RedisCluster):
        # Its own close does nothing where it never came to know the cluster.
        await client.nodes_manager.aclose()
        await client.nodes_manager.aclose("startup_nodes")
    await client.aclose()


async def send(client: Client, commands: Sequence[Command]) -> list[Any]:
    """The answers to commands that go out together; a refusal is a ResponseError among them.

    Where one connection will do they go straight to it: measured, a look-up of 64 keys takes
    two thirds of what it takes through `mget`, and 64 stores a third of what a pipeline makes of
    them.
    """
    if isinstance(client, RedisCluster):
        pipeline = client.pipeline()
        for command in commands:
            pipeline.execute_command(*command)
        return await pipeline.execute(raise_on_error=False)
    # Its stub knows commands of one word only.
    packed = b"".join(pack_command(command) for command in commands)  # type: ignore[arg-type]
    connection = await client.connection_pool.get_connection()  # type: ignore[no-untyped-call]
    try:
        await connection.send_packed_command(packed)
        return [await _answer(connection) for _ in commands]
    except BaseException:
        # Answers that nobody has read would be taken for those of the next commands.
        await connection.disconnect(nowait=True)
        raise
    finally:
        await client.connection_pool.release(connection)


async def _answer(connection: AbstractConnection) -> Any:
    try:
        return await connection.read_response()
    except exceptions.ResponseError as refusal:
        return refusal
