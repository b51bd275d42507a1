"""Runs uvicorn on a socket that is already bound."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Iterator
from typing import Any

import uvicorn

from local.host.http_listener.protocol import HttpProtocol

#: Connections that may wait to be accepted.
BACKLOG = 2048

#: Seconds after which a connection without a request is closed.
KEEP_ALIVE_S = 5

#: uvicorn ticks ten times a second; slow clients are looked for once a second.
CHECK_TICKS = 10


class HttpServer:
    """Serves an ASGI app from `start` to `stop`, which gives running requests `drain_s`."""

    def __init__(self, app: Any, sock: socket.socket, *, drain_s: int) -> None:
        self._socket = sock
        self._server = _Server(
            uvicorn.Config(
                app,
                http=HttpProtocol,
                interface="asgi3",
                # No WebSockets; the worker owns the event loop, signals and logs.
                ws="none",
                lifespan="off",
                loop="none",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                backlog=BACKLOG,
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=drain_s,
            )
        )
        self._serving: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        state = self._server.server_state
        return f"<HttpServer, {len(state.connections)} connections, {len(state.tasks)} running>"

    async def start(self) -> None:
        """Return once the server accepts connections."""
        # At WARNING it logs each malformed request: any client could fill the log.
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
        self._serving = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        up = asyncio.create_task(self._server.up.wait())
        await asyncio.wait((self._serving, up), return_when=asyncio.FIRST_COMPLETED)
        if self._serving.done():
            up.cancel()
            await self._serving

    async def stop(self) -> None:
        if self._serving is None:
            return
        self._server.should_exit = True
        state = self._server.server_state
        try:
            await self._serving
        finally:
            for task in tuple(state.tasks):
                task.cancel()
            for connection in tuple(state.connections):
                connection.transport.abort()


class _Server(uvicorn.Server):
    """uvicorn's server with three changes: no signal handling, `up`, and slow-client checks."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept the waiting connections first: closing the socket would reset them."""
        waiting = [each for listening in sockets or () for each in _accept_waiting(listening)]
        for server in self.servers:
            server.close()
        loop = asyncio.get_running_loop()
        for connection in waiting:
            await loop.connect_accepted_socket(self._protocol, connection)
        await super().shutdown(sockets)

    def _protocol(self) -> HttpProtocol:
        return HttpProtocol(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )

    async def on_tick(self, counter: int) -> bool:
        if counter % CHECK_TICKS == 0:
            now = asyncio.get_running_loop().time()
            for connection in tuple(self.server_state.connections):
                if isinstance(connection, HttpProtocol):
                    connection.end_if_slow(now)
        return await super().on_tick(counter)


def _accept_waiting(listening: socket.socket) -> Iterator[socket.socket]:
    """Accept the connections that are waiting now."""
    listening.setblocking(False)
    with contextlib.suppress(OSError):
        while True:
            connection, _ = listening.accept()
            connection.setblocking(False)
            yield connection
