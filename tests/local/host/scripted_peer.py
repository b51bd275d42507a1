"""An AMQP peer that does what a test says, and numbers links otherwise than the client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import cast

from local.emulators.servicebus.amqp import frames
from local.emulators.servicebus.amqp.composites import Composite
from local.emulators.servicebus.amqp.frames import FrameSplitter
from local.emulators.servicebus.amqp.performatives import (
    Attach,
    Begin,
    Detach,
    Flow,
    Open,
    SaslInit,
    SaslMechanisms,
    SaslOutcome,
)
from local.emulators.servicebus.amqp.values import Symbol, UByte, UInt, UShort
from local.host.amqp_client import bus_address
from local.host.amqp_client.amqp_connection import AmqpConnection

#: The peer's handles are so much larger than the client's.
SHIFT = 7


class ScriptedPeer(asyncio.Protocol):
    """`answer` maps each frame of the client's links to the peer's frames."""

    def __init__(self, answer: Callable[[Composite], Iterable[Composite]]) -> None:
        self._answer = answer
        self._splitter = FrameSplitter(2**20)
        self._awaits_header = True
        self.handle_max: int | None = None
        self.transport: asyncio.Transport
        #: From the client.
        self.frames: list[Composite] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._splitter.feed(data)
        while True:
            if self._awaits_header:
                if (header := self._splitter.header()) is None:
                    return
                self._awaits_header = False
                self.transport.write(header)
                if header == frames.SASL_HEADER:
                    self.send(SaslMechanisms(Symbol("ANONYMOUS")), kind=frames.SASL_FRAME)
            frame = self._splitter.next_frame()
            if frame is None:
                return
            if frame.performative is not None:
                self._on_frame(frame.performative)

    def send(self, performative: Composite, *, kind: int = frames.AMQP_FRAME) -> None:
        self.transport.write(frames.frame(0, performative, kind=kind))

    def _on_frame(self, performative: Composite) -> None:
        match performative:
            case SaslInit():
                self._awaits_header = True
                self.send(SaslOutcome(UByte(0)), kind=frames.SASL_FRAME)
            case Open():
                self.send(Open("peer"))
            case Begin():
                most = None if self.handle_max is None else UInt(self.handle_max)
                window = UInt(1000)
                self.send(Begin(UShort(0), UInt(0), window, window, handle_max=most))
            case _:
                self.frames.append(performative)
                for each in self._answer(performative):
                    self.send(each)


def accept(attach: Attach, credit: int = 10) -> list[Composite]:
    """The answer to a link: it is attached, and may send."""
    handle = UInt(attach.handle + SHIFT)
    attached = Attach(
        attach.name, handle, not attach.role, source=attach.source, target=attach.target
    )
    window = UInt(1000)
    flow = Flow(UInt(0), window, UInt(0), window, handle, UInt(0), UInt(credit))
    return [attached] if attach.role else [attached, flow]


def detach(handle: int, error: Composite | None = None) -> Detach:
    """`handle` is the client's."""
    return Detach(UInt(handle + SHIFT), closed=True, error=error.described() if error else None)


@asynccontextmanager
async def connected(
    answer: Callable[[Composite], Iterable[Composite]], *, handle_max: int | None = None
) -> AsyncIterator[tuple[AmqpConnection, ScriptedPeer]]:
    peer = ScriptedPeer(answer)
    peer.handle_max = handle_max
    server = await asyncio.get_running_loop().create_server(lambda: peer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    address = bus_address.from_connection_string(
        f"Endpoint=sb://127.0.0.1:{port};SharedAccessKeyName=n;SharedAccessKey=a;"
        "UseDevelopmentEmulator=true"
    )
    connection = await AmqpConnection.open(address)
    try:
        yield connection, peer
    finally:
        connection.close()
        peer.transport.abort()
        server.close()
