"""uvicorn on a socket that is already bound, from `start` to `stop`."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Iterator
from typing import Any

import uvicorn

from local.host.http_listener.protocol import HttpProtocol

#: Connections that wait to be accepted.
BACKLOG = 2048

#: A connection without a request is closed after this time.
KEEP_ALIVE_S = 5

#: uvicorn's ticks, ten a second, between two looks for what arrives too slowly.
LOOK_TICKS = 10


class HttpServer:
    """Answers requests by an ASGI app.

    Its stop accepts no more and lets running requests finish for `drain_s`.
    """

    def __init__(self, app: Any, sock: socket.socket, *, drain_s: int) -> None:
        self._socket = sock
        self._server = _Server(
            uvicorn.Config(
                app,
                http=HttpProtocol,
                interface="asgi3",
                # What is not spoken here, and what others do: the loop, signals, logs.
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
        """Return once connections are accepted."""
        # At WARNING it tells of each request that can't be read: anybody could fill the log.
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
    """Leaves signals to the worker, tells when it is up, and looks for slow clients."""

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
        """Who waits to be accepted is answered too: closing the socket would reset them."""
        waiting = [each for listening in sockets or () for each in _accepted(listening)]
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
        if counter % LOOK_TICKS == 0:
            now = asyncio.get_running_loop().time()
            for connection in tuple(self.server_state.connections):
                if isinstance(connection, HttpProtocol):
                    connection.end_if_slow(now)
        return await super().on_tick(counter)


def _accepted(listening: socket.socket) -> Iterator[socket.socket]:
    """The connections that are there now."""
    listening.setblocking(False)
    with contextlib.suppress(OSError):
        while True:
            connection, _ = listening.accept()
            connection.setblocking(False)
            yield connection
