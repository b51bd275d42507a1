"""What this project changes in redis-py, which has no option for it. No other module does.

The connections below use private attributes of redis-py (`_reader`, `_writer`,
`_connection_arguments`), and `open_cluster` sets undocumented ones. Public means were not enough:
`can_read` awaits on each command, `disconnect` leaves a transport open until a server that hangs
reads the rest, and there is no option for TLS names or for the class of a cluster's connections.
tests/cache/test_redis_internals.py fails when any of this changes in redis-py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from typing import Any

from redis import exceptions
from redis.asyncio import RedisCluster
from redis.asyncio.connection import AbstractConnection, Connection, SSLConnection

from cache.entra import Token, Tokens
from cache.write_health import WriteHealth

#: What a server that needs no key answers to one: Redis from version 6 on, and before.
_NEEDS_NO_KEY = ("without any password configured", "no password is set")


class _ReliableConnection(AbstractConnection):
    """A connection that works when a command is sent, however long it was idle.

    Azure closes a connection that was idle for ten minutes. redis-py notices this on the next
    command of a cluster by an error; this class notices it before. Azure also closes a connection
    whose token has expired: with tokens, this class signs in again with the newest one.
    """

    _signed_in_by: Token | None = None

    def __init__(self, *, writes: WriteHealth | None = None, **options: Any) -> None:
        self._writes = writes
        self._generation = 0
        super().__init__(**options)

    async def connect_check_health(
        self, check_health: bool = True, retry_socket_connect: bool = True
    ) -> None:
        connect = super().connect_check_health
        try:
            await connect(check_health, retry_socket_connect)
        except exceptions.AuthenticationError as error:
            if self.username or not any(sign in str(error) for sign in _NEEDS_NO_KEY):
                raise
            self.password = None
            await connect(check_health, retry_socket_connect)

    async def on_connect_check_health(self, check_health: bool = True) -> None:
        self._generation = self._newest_generation()
        if isinstance(self.credential_provider, Tokens):
            self._signed_in_by = await self.credential_provider.get_valid()
        try:
            await super().on_connect_check_health(check_health)
        except exceptions.ResponseError as refusal:
            # It answers the connection, not the command that the connection is made for.
            raise exceptions.ConnectionError(f"connecting was refused: {refusal}") from refusal

    async def disconnect(self, nowait: bool = False, *args: Any, **options: Any) -> None:
        # Nothing unsent is needed any more. Without this, a server that hangs would keep the caller
        # waiting until it reads that, or until it ends TLS.
        if self._writer is not None:
            self._writer.transport.abort()
        await super().disconnect(nowait, *args, **options)

    async def send_packed_command(
        self, command: bytes | str | Iterable[bytes], check_health: bool = True
    ) -> None:
        if self._reader is not None and (
            self._reader.at_eof() or self._generation != self._newest_generation()
        ):
            await self.disconnect(nowait=True)  # redis-py then connects to send the command
        elif self.is_connected and isinstance(self.credential_provider, Tokens):
            await self._sign_in(self.credential_provider.newest())
        await super().send_packed_command(command, check_health)

    def _newest_generation(self) -> int:
        return self._writes.generation if self._writes else 0

    async def _sign_in(self, token: Token | None) -> None:
        if token is None or token is self._signed_in_by:
            return
        self._signed_in_by = token
        await self.send_command("AUTH", token.user, token.value)
        try:
            await self.read_response()
        except exceptions.RedisError:
            # The server still accepts the old token until it expires, and then closes.
            await self.disconnect(nowait=True)
            raise


class PlainConnection(_ReliableConnection, Connection):
    """Over TCP."""


class TlsConnection(_ReliableConnection, SSLConnection):
    """Over TLS. The certificate of a server at an IP address is checked against `name`, if given.

    A cluster names its nodes by address, and public certificates hold no addresses.
    """

    def __init__(self, *, name: str | None = None, **options: Any) -> None:
        self._name = name
        super().__init__(**options)

    def _connection_arguments(self) -> Mapping[str, Any]:
        arguments = super()._connection_arguments()
        if self._name and _is_address(self.host):
            return {**arguments, "server_hostname": self._name}
        return arguments


def connection_class(*, tls: bool) -> type[PlainConnection | TlsConnection]:
    return TlsConnection if tls else PlainConnection


def open_cluster(*, host: str, tls: bool, **options: Any) -> RedisCluster:
    """A cluster whose nodes are connected to by the classes above."""
    # By default redis-py closes all connections after every fifth key that has moved.
    cluster = RedisCluster(host=host, ssl=tls, reinitialize_steps=0, **options)
    own: dict[str, Any] = {}
    if tls:
        own["name"] = None if _is_address(host) else host
    connections = connection_class(tls=tls)
    cluster.nodes_manager.connection_kwargs.update(own, connection_class=connections)
    for node in cluster.startup_nodes:
        node.connection_class = connections
        node.connection_kwargs.update(own)
    return cluster


async def reload_topology(cluster: RedisCluster) -> None:
    """Find out which node holds which keys. Pipelines do not, when a node is lost."""
    await cluster.nodes_manager.initialize()


async def close_cluster(cluster: RedisCluster) -> None:
    # `RedisCluster.aclose` closes nothing if the topology was never loaded.
    await cluster.nodes_manager.aclose()
    await cluster.nodes_manager.aclose("startup_nodes")
    await cluster.aclose()


def _is_address(host: str) -> bool:
    """Whether a host is an IP address rather than a name."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
