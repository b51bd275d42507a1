"""Settles messages through the platform's Settlement service, which speaks gRPC.

The platform passes an object of this type to a function that asks for one. Microsoft's own client
(azurefunctions-extensions-bindings-servicebus, beta) does the same with blocking calls, and needs
uamqp, grpcio-tools and an older protobuf. The service's messages have only texts in them, so they
are written without generated code. An empty `propertiesToModify` is left out.
"""

from __future__ import annotations

import argparse
import sys
from functools import cache
from typing import Self

import grpc.aio
from azurefunctions.extensions.base import GrpcClientType, InConverter

#: Seconds for one call.
CALL_S = 20.0


class SettlementFailed(Exception):
    """The message is not settled: its lock was lost, or the broker is away."""


class MessageActions(GrpcClientType):  # type: ignore[misc]
    """Settles and renews messages of the running invocation, by their lock tokens."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._channel = channel

    def __repr__(self) -> str:
        return "<MessageActions>"

    @classmethod
    @cache
    def get(cls) -> Self:
        """The one of this process. Raises SettlementFailed if the platform has no such service."""
        return cls(grpc.aio.insecure_channel(_address(sys.argv[1:])))

    async def complete(self, lock_token: str) -> None:
        await self._call("Complete", _field(1, lock_token))

    async def abandon(self, lock_token: str) -> None:
        """The broker delivers the message again at once."""
        await self._call("Abandon", _field(1, lock_token))

    async def dead_letter(self, lock_token: str, reason: str, description: str) -> None:
        texts = _field(3, _field(1, reason)) + _field(4, _field(1, description))
        await self._call("Deadletter", _field(1, lock_token) + texts)

    async def renew(self, lock_token: str) -> None:
        """For as long as the queue locks messages."""
        await self._call("RenewMessageLock", _field(1, lock_token))

    async def _call(self, method: str, request: bytes) -> None:
        try:
            await self._channel.unary_unary(f"/Settlement/{method}")(request, timeout=CALL_S)
        except grpc.aio.AioRpcError as error:
            raise SettlementFailed(f"{method}: {error.code().name}") from error


class ActionsConverter(InConverter, binding="serviceBusClient"):  # type: ignore[misc, call-arg]
    """Where the platform looks for the object that it passes."""

    @classmethod
    def get_client(cls) -> MessageActions:
        return MessageActions.get()


def _address(arguments: list[str]) -> str:
    """The host's address, as the platform names it to the process that runs the app."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--host")
    parser.add_argument("--port")
    known, _ = parser.parse_known_args(arguments)
    if not known.host or not known.port:
        raise SettlementFailed("the platform names no --host and --port of its service")
    return f"{known.host}:{known.port}"


def _field(number: int, content: str | bytes) -> bytes:
    """A field of a protobuf message that holds a text, or another message."""
    data = content.encode() if isinstance(content, str) else content
    return bytes([number << 3 | 2]) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
