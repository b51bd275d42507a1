"""HTTP connections on a socket that is already bound."""

from __future__ import annotations

import asyncio
import math
import socket
from email.utils import formatdate

from host.http_connection import Handler, HttpConnection, Traffic

#: Connections that wait to be accepted.
BACKLOG = 2048

#: A connection without a request is closed after this time.
KEEP_ALIVE_S = 5.0

#: Between two looks at the clock, for the date in answers and for connections without a request.
TICK_S = 1.0


class HttpServer:
    """Answers requests from `start` to `stop`."""

    def __init__(
        self,
        handler: Handler,
        sock: socket.socket,
        *,
        drain_s: float,
        keep_alive_s: float = KEEP_ALIVE_S,
    ) -> None:
        self._traffic = Traffic(handler)
        self._socket = sock
        self._drain_s, self._keep_alive_s = drain_s, keep_alive_s
        self._server: asyncio.Server | None = None
        self._timer: asyncio.TimerHandle | None = None

    def __repr__(self) -> str:
        connections, running = self._traffic.connections, self._traffic.running
        return f"<HttpServer, {len(connections)} connections, {len(running)} running>"

    async def start(self) -> None:
        """Return once connections are accepted."""
        loop = asyncio.get_running_loop()
        self._tick(loop)
        self._server = await loop.create_server(
            lambda: HttpConnection(self._traffic), sock=self._socket, backlog=BACKLOG
        )

    async def stop(self) -> None:
        """Accept no more, and let running requests finish for `drain_s`."""
        if self._server is None or self._timer is None:
            return
        traffic = self._traffic
        traffic.stopping = True
        self._server.close()
        self._timer.cancel()
        try:
            for connection in tuple(traffic.connections):
                connection.close_if_idle_since(math.inf)
            if left := {*traffic.running, *(each.closed for each in traffic.connections)}:
                await asyncio.wait(left, timeout=self._drain_s)
        finally:
            for connection in tuple(traffic.connections):
                connection.abort()
            for task in traffic.running:
                task.cancel()

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        self._traffic.date = f"date: {formatdate(usegmt=True)}\r\n".encode()
        for connection in tuple(self._traffic.connections):
            connection.close_if_idle_since(loop.time() - self._keep_alive_s)
        self._timer = loop.call_later(TICK_S, self._tick, loop)
