"""An AMQP client that sends single frames, also invalid ones that SDKs never send."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from hashlib import sha256
from hmac import digest
from typing import Self
from urllib.parse import quote_plus

from local.emulators.servicebus.amqp import frames, sections
from local.emulators.servicebus.amqp.composites import Composite
from local.emulators.servicebus.amqp.decoding import decode
from local.emulators.servicebus.amqp.outcomes import Source, Target
from local.emulators.servicebus.amqp.performatives import (
    PERFORMATIVES,
    Attach,
    Begin,
    Error,
    Flow,
    Open,
    SaslInit,
    Transfer,
)
from local.emulators.servicebus.amqp.sections import Properties
from local.emulators.servicebus.amqp.values import Described, Symbol, UInt, Value

PATIENCE_S = 10


class Peer:
    """Frames are `(performative, payload)`; a heartbeat is `(None, b"")`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def connect(cls, port: int) -> Self:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()
        await self._writer.wait_closed()

    async def open(self, idle_time_out: UInt | None = None) -> None:
        """Through SASL and open to a session on channel 0."""
        self.write(frames.SASL_HEADER)
        assert await self.read(8) == frames.SASL_HEADER
        await self.read_frame()
        self.send(SaslInit(Symbol("ANONYMOUS")), kind=frames.SASL_FRAME)
        await self.read_frame()
        self.write(frames.AMQP_HEADER)
        assert await self.read(8) == frames.AMQP_HEADER
        self.send(Open("test", idle_time_out=idle_time_out))
        await self.read_frame()
        self.send(Begin(None, UInt(0), UInt(1000), UInt(1000)))
        await self.read_until(Begin)

    def write(self, data: bytes) -> None:
        self._writer.write(data)

    def send(self, performative: Composite, payload: bytes = b"", kind: int = 0) -> None:
        self.write(frames.frame(0, performative, payload, kind))

    async def read(self, size: int) -> bytes:
        return await asyncio.wait_for(self._reader.readexactly(size), PATIENCE_S)

    async def read_frame(self) -> tuple[Composite | None, bytes]:
        size = int.from_bytes(await self.read(4))
        body = (await self.read(size - 4))[4:]
        if not body:
            return None, b""
        value, end = decode(body)
        kind = PERFORMATIVES.get(value.descriptor)
        return (kind.of(value.value) if kind else None), body[end:]

    async def read_until[P: Composite](self, kind: type[P]) -> tuple[P, bytes]:
        while True:
            performative, payload = await self.read_frame()
            if isinstance(performative, kind):
                return performative, payload

    async def ended(self) -> bool:
        """The emulator closes the connection."""
        return await asyncio.wait_for(self._reader.read(), PATIENCE_S) is not None


def sender(name: str, handle: int, address: str) -> Attach:
    return Attach(
        name,
        UInt(handle),
        False,
        source=Source().described(),
        target=Target(address).described(),
        initial_delivery_count=UInt(0),
    )


def receiver(name: str, handle: int, address: str, reply_address: str) -> Attach:
    return Attach(
        name,
        UInt(handle),
        True,
        source=Source(address).described(),
        target=Target(reply_address).described(),
    )


def credit(handle: int, amount: int) -> Flow:
    return Flow(UInt(0), UInt(1000), UInt(0), UInt(1000), UInt(handle), UInt(0), UInt(amount))


def condition_of(error: Described) -> Symbol:
    return Error.of(error.value).condition


def sas_token(
    resource: str,
    expiry: str,
    name: str = "RootManageSharedAccessKey",
    key: str = "SAS_KEY_VALUE",
) -> str:
    """A shared access signature, made apart from the code that verifies it."""
    quoted = quote_plus(resource)
    signature = b64encode(digest(key.encode(), f"{quoted}\n{expiry}".encode(), sha256)).decode()
    signed = f"sr={quoted}&sig={quote_plus(signature)}&se={expiry}&skn={name}"
    return f"SharedAccessSignature {signed}"


class Desk:
    """The pair of links at `$cbs` of an open peer, at the handles 0 and 1."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self._put = 0
        peer.send(sender("requests", 0, "$cbs"))
        peer.send(receiver("replies", 1, "$cbs", "replies"))
        peer.send(credit(1, 100))

    async def put(self, path: str, until_s: int = 2**32, token: str | None = None) -> Value:
        """Put a token for the path: a signature, or the one that is given.

        Returns the status code of the answer.
        """
        resource = f"sb://localhost/{path}"
        request = sections.request_response(
            Properties(message_id="m", reply_to="replies"),
            {"operation": "put-token", "name": resource, "type": "servicebus.windows.net:sastoken"},
            token or sas_token(resource, str(until_s)),
        )
        tag = bytes([self._put])
        self.peer.send(Transfer(UInt(0), UInt(self._put), tag, UInt(0)), request)
        self._put += 1
        _, payload = await self.peer.read_until(Transfer)
        return sections.application_properties(payload)["status-code"]
