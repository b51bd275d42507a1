"""AMQP over WebSockets: binary messages carry the same bytes as a TCP connection."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from local.emulators.servicebus.connection import Connection
from local.emulators.servicebus.web.exchange import Receive, Scope, Send

_SUBPROTOCOLS = ("AMQPWSB10", "amqp")

#: Bytes that wait to be sent above which the connection pauses, and below which it resumes.
_HIGH, _LOW = 256 * 1024, 64 * 1024


class WebSocketTransport:
    """The part of asyncio's Transport that a Connection uses."""

    def __init__(self, peer: tuple[str, int], connection: Connection) -> None:
        self._peer = peer
        self._connection = connection
        self._out = asyncio.Queue[bytes | None]()
        self._waiting = 0
        self._paused = False
        self._closing = False

    def __repr__(self) -> str:
        return f"<WebSocketTransport {self._peer}: {self._waiting} bytes to send>"

    def get_extra_info(self, name: str) -> Any:
        return self._peer if name == "peername" else None

    def is_closing(self) -> bool:
        return self._closing

    def write(self, data: bytes) -> None:
        self._waiting += len(data)
        self._out.put_nowait(data)
        if self._waiting > _HIGH and not self._paused:
            self._paused = True
            self._connection.pause_writing()

    def close(self) -> None:
        """Close after what waits has been sent."""
        if not self._closing:
            self._closing = True
            self._out.put_nowait(None)

    async def send_all(self, send: Send) -> None:
        """Send what is written, until the transport is closed."""
        while (data := await self._out.get()) is not None:
            await send({"type": "websocket.send", "bytes": data})
            self._waiting -= len(data)
            if self._paused and self._waiting < _LOW:
                self._paused = False
                self._connection.resume_writing()
        await send({"type": "websocket.close", "code": 1000})


async def serve(scope: Scope, receive: Receive, send: Send, connection: Connection) -> None:
    """Run a connection until either side closes it."""
    await receive()
    offered = scope.get("subprotocols", ())
    chosen = next((each for each in offered if each in _SUBPROTOCOLS), None)
    await send({"type": "websocket.accept", "subprotocol": chosen})
    transport = WebSocketTransport(scope.get("client") or ("websocket", 0), connection)
    connection.connection_made(cast(asyncio.Transport, transport))
    sending = asyncio.create_task(transport.send_all(send))
    try:
        await asyncio.wait(
            (sending, asyncio.ensure_future(_receive_all(receive, connection))),
            return_when=asyncio.FIRST_COMPLETED,
        )
    finally:
        transport.close()
        sending.cancel()
        connection.connection_lost(None)


async def _receive_all(receive: Receive, connection: Connection) -> None:
    while (event := await receive())["type"] == "websocket.receive":
        connection.data_received(event.get("bytes") or b"")
