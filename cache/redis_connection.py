"""Connections to Redis that do what those of redis-py do not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from typing import Any

from redis import exceptions
from redis.asyncio.connection import AbstractConnection, Connection, SSLConnection

from cache.entra import Token, Tokens
from cache.write_health import WriteHealth

#: What a server that asks for no key says to one: Redis since 6, and before.
_KEYLESS = ("without any password configured", "no password is set")


def is_address(host: str) -> bool:
    """Whether a host is an IP address rather than a name."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


class _LongLived(AbstractConnection):
    """Fit for use whenever a command is sent, however long ago the last one was.

    Azure closes what was idle for ten minutes, and of a cluster redis-py learns that by an error.
    Azure also closes a connection whose token has ended: by tokens this signs in with the newest.
    """

    _signed_in_by: Token | None = None

    def __init__(self, *, writes: WriteHealth | None = None, **options: Any) -> None:
        self._writes = writes
        self._generation = 0
        super().__init__(**options)

    async def on_connect_check_health(self, check_health: bool = True) -> None:
        self._generation = self._newest_generation()
        if isinstance(self.credential_provider, Tokens):
            self._signed_in_by = await self.credential_provider.good()
        try:
            await self._greet(check_health)
        except exceptions.ResponseError as refusal:
            # Of the connection, not of the command that it is made for.
            raise exceptions.ConnectionError(f"connecting was refused: {refusal}") from refusal

    async def _greet(self, check_health: bool) -> None:
        try:
            await super().on_connect_check_health(check_health)
        except exceptions.AuthenticationError as refusal:
            if self.username or not any(sign in str(refusal) for sign in _KEYLESS):
                raise
            # Nor does it want to hear one: on a new connection, as an error ends this one.
            self.password = None
            await self.disconnect(nowait=True)
            await self._connect()  # type: ignore[no-untyped-call]
            await super().on_connect_check_health(check_health)

    async def disconnect(self, nowait: bool = False, *args: Any, **options: Any) -> None:
        # What was not sent by now need not be: a server that hangs would keep one waiting for it,
        # or for its part of TLS's farewell.
        if self._writer is not None:
            self._writer.transport.abort()
        await super().disconnect(nowait, *args, **options)

    async def send_packed_command(
        self, command: bytes | str | Iterable[bytes], check_health: bool = True
    ) -> None:
        if self._reader is not None and (
            self._reader.at_eof() or self._generation != self._newest_generation()
        ):
            await self.disconnect(nowait=True)
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
            # It would go on as who it was, until that token ends.
            await self.disconnect(nowait=True)
            raise


class PlainConnection(_LongLived, Connection):
    """Over TCP."""


class TlsConnection(_LongLived, SSLConnection):
    """Over TLS; a node at an IP address has to have a certificate for `name`, where one is given.

    A cluster tells its nodes' addresses, which public certificates do not name.
    """

    def __init__(self, *, name: str | None = None, **options: Any) -> None:
        self._name = name
        super().__init__(**options)

    def _connection_arguments(self) -> Mapping[str, Any]:
        arguments = super()._connection_arguments()
        if self._name and is_address(self.host):
            return {**arguments, "server_hostname": self._name}
        return arguments
