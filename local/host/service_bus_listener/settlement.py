"""The host's Settlement service: an app settles its messages by their lock tokens, over gRPC.

The service and its messages are those of azure-functions-host (settlement.proto). The messages have
only texts and bytes in them, so they are read without generated code.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable, Iterable
from typing import NamedTuple

import grpc.aio

from local.host.service_bus_listener.incoming_message import IncomingMessage
from local.host.service_bus_listener.link import Link

log = logging.getLogger(__name__)

HOST = "127.0.0.1"
MAX_MESSAGE_BYTES = 2**31 - 1

_LOCK_TOKEN, _REASON, _DESCRIPTION = 1, 3, 4
_TEXT_OF_STRING_VALUE = 1


class _Locked(NamedTuple):
    link: Link
    message: IncomingMessage


class Settlement:
    """Settles messages of running invocations."""

    def __init__(self) -> None:
        self._locked: dict[str, _Locked] = {}
        #: Set while no invocation has messages to settle.
        self._idle = asyncio.Event()
        self._idle.set()
        self._running = 0
        self._server = grpc.aio.server()

    def __repr__(self) -> str:
        return f"<Settlement {len(self._locked)} messages>"

    async def start(self) -> None:
        """Listen, and put the address where apps look for it: into the process's arguments."""
        methods = {
            "Complete": self._complete,
            "Abandon": self._abandon,
            "Deadletter": self._dead_letter,
            "Defer": self._defer,
            "RenewMessageLock": self._renew,
        }
        handlers = {
            name: grpc.unary_unary_rpc_method_handler(each) for name, each in methods.items()
        }
        self._server.add_generic_rpc_handlers(
            [grpc.method_handlers_generic_handler("Settlement", handlers)]
        )
        port = self._server.add_insecure_port(f"{HOST}:0")
        await self._server.start()
        sys.argv += ["--host", HOST, "--port", str(port)]
        sys.argv += ["--functions-grpc-max-message-length", str(MAX_MESSAGE_BYTES)]

    async def stop(self) -> None:
        """Wait for running invocations first, unless cancelled."""
        try:
            await self._idle.wait()
        finally:
            await self._server.stop(grace=None)

    def add(self, link: Link, messages: Iterable[IncomingMessage]) -> list[str]:
        """Let an invocation settle its messages. Returns their lock tokens."""
        locked = {str(message.lock_token): _Locked(link, message) for message in messages}
        self._locked |= locked
        self._running += 1
        self._idle.clear()
        return list(locked)

    def remove(self, tokens: Iterable[str]) -> list[IncomingMessage]:
        """End what `add` began. Returns the messages that were not settled."""
        left = [self._locked.pop(token, None) for token in tokens]
        self._running -= 1
        if not self._running:
            self._idle.set()
        return [each.message for each in left if each is not None]

    async def _complete(self, request: bytes, context: grpc.aio.ServicerContext) -> bytes:
        return await self._settle(
            request, context, lambda each, _: each.link.settle("complete", each.message)
        )

    async def _abandon(self, request: bytes, context: grpc.aio.ServicerContext) -> bytes:
        return await self._settle(
            request, context, lambda each, _: each.link.settle("abandon", each.message)
        )

    async def _defer(self, request: bytes, context: grpc.aio.ServicerContext) -> bytes:
        return await self._settle(
            request, context, lambda each, _: each.link.settle("defer", each.message)
        )

    async def _dead_letter(self, request: bytes, context: grpc.aio.ServicerContext) -> bytes:
        def settle(each: _Locked, fields: dict[int, bytes]) -> Awaitable[None]:
            return each.link.settle(
                "dead_letter",
                each.message,
                reason=_text(fields.get(_REASON)),
                error_description=_text(fields.get(_DESCRIPTION)),
            )

        return await self._settle(request, context, settle)

    async def _renew(self, request: bytes, context: grpc.aio.ServicerContext) -> bytes:
        locked = self._find(_fields(request))
        if locked is None or not await locked.link.renew(locked.message):
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "the lock was lost")
        return b""

    async def _settle(
        self,
        request: bytes,
        context: grpc.aio.ServicerContext,
        settle: Callable[[_Locked, dict[int, bytes]], Awaitable[None]],
    ) -> bytes:
        fields = _fields(request)
        locked = self._find(fields)
        if locked is None:
            await context.abort(
                grpc.StatusCode.FAILED_PRECONDITION, "no running invocation has this lock token"
            )
            raise AssertionError  # abort raises
        try:
            await settle(locked, fields)
        except Exception as error:  # noqa: BLE001 - a broken connection raises anything
            kind = type(error).__name__
            log.warning("%r: message %s: %s", locked.link, locked.message.sequence_number, kind)
            await context.abort(grpc.StatusCode.ABORTED, kind)
        self._locked.pop(str(fields[_LOCK_TOKEN], "ascii"), None)
        return b""

    def _find(self, fields: dict[int, bytes]) -> _Locked | None:
        return self._locked.get(fields.get(_LOCK_TOKEN, b"").decode("ascii", "replace"))


def _fields(message: bytes) -> dict[int, bytes]:
    """The fields of a protobuf message whose fields are all texts, bytes or messages."""
    fields, at = {}, 0
    while at < len(message):
        key, at = _varint(message, at)
        size, at = _varint(message, at)
        fields[key >> 3] = message[at : at + size]
        at += size
    return fields


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def _text(string_value: bytes | None) -> str | None:
    """The text of a google.protobuf.StringValue."""
    if string_value is None:
        return None
    return _fields(string_value).get(_TEXT_OF_STRING_VALUE, b"").decode("utf-8", "replace")
