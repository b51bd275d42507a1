"""uvicorn on a socket that is already bound. Why uvicorn: bench/README.md."""

from __future__ import annotations

import asyncio
import contextlib
import math
import socket
from collections.abc import Iterator
from typing import Any

import uvicorn

#: Connections that wait to be accepted.
BACKLOG = 2048


class HttpServer:
    """Serves an ASGI application from `start` to `stop`."""

    def __init__(self, application: Any, sock: socket.socket, *, drain_s: float) -> None:
        self._server = _Server(
            uvicorn.Config(
                application,
                interface="asgi3",
                http="httptools",
                ws="none",
                lifespan="off",
                access_log=False,
                log_config=None,
                server_header=False,
                proxy_headers=False,
                backlog=BACKLOG,
                timeout_graceful_shutdown=math.ceil(drain_s),
            )
        )
        self._socket = sock
        self._serving: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<HttpServer {'serving' if self._serving else 'stopped'}>"

    async def start(self) -> None:
        """Return once connections are accepted."""
        self._serving = asyncio.create_task(self._server.serve([self._socket]))
        ready = asyncio.create_task(self._server.ready.wait())
        await asyncio.wait({self._serving, ready}, return_when=asyncio.FIRST_COMPLETED)
        if not ready.done():
            ready.cancel()
            await self._serving

    async def stop(self) -> None:
        """Accept no more, and let running requests finish for `drain_s`."""
        self._server.should_exit = True
        if self._serving is not None:
            await self._serving
            self._serving = None


class _Server(uvicorn.Server):
    """The host handles signals itself, and wants to know when connections are accepted."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
