"""Runs uvicorn's HTTP protocol on connections that the front door hands over."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from local.emulators.servicebus.admin.administration import Administration
from local.emulators.servicebus.connection import Connection
from local.emulators.servicebus.group_commit import GroupCommit
from local.emulators.servicebus.key_ring import KeyRing
from local.emulators.servicebus.web.routes import Routes


class WebServer:
    """uvicorn is imported when the first HTTP request comes: most emulators get none."""

    def __init__(
        self,
        administration: Administration,
        keys: KeyRing,
        group_commit: GroupCommit,
        connect: Callable[[], Connection],
    ) -> None:
        self._app = Routes(administration, keys, group_commit, connect)
        self._config: Any = None
        self._state: Any = None

    def __repr__(self) -> str:
        return "<WebServer>"

    def protocol(self) -> asyncio.Protocol:
        """For a new connection."""
        if self._config is None:
            self._load()
        protocol: asyncio.Protocol = self._config.http_protocol_class(
            config=self._config, server_state=self._state, app_state={}
        )
        return protocol

    def close(self) -> None:
        """End all connections, after the response that is being sent."""
        for connection in list(self._state.connections) if self._state else ():
            connection.shutdown()

    def _load(self) -> None:
        from uvicorn import Config  # noqa: PLC0415 - see above
        from uvicorn.server import ServerState  # noqa: PLC0415

        # At WARNING it logs each malformed request.
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
        self._config = Config(
            self._app,
            http="httptools",
            ws="wsproto",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
        )
        self._config.load()
        self._state = ServerState()
