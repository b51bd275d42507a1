"""A peer that speaks AMQP frame by frame, for what SDKs do not do on purpose."""

from __future__ import annotations

import asyncio
from typing import Self

from emulators.servicebus.amqp import frames
from emulators.servicebus.amqp.composites import Composite
from emulators.servicebus.amqp.decoding import decode
from emulators.servicebus.amqp.performatives import PERFORMATIVES, Begin, Open, SaslInit
from emulators.servicebus.amqp.values import Symbol, UInt

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
