"""Decides by a connection's first bytes whether it is AMQP or HTTP: both come to one port."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

#: How a request begins. Everything else gets AMQP's answer.
_HTTP = (b"GET ", b"PUT ", b"POST", b"DELE", b"HEAD", b"OPTI", b"PATC")
_NEEDED = 4
#: Seconds in which a peer must send its first bytes.
_FIRST_BYTES_S = 60.0


class FrontDoor(asyncio.Protocol):
    """Hands the transport to the protocol that its peer speaks."""

    def __init__(
        self, amqp: Callable[[], asyncio.Protocol], http: Callable[[], asyncio.Protocol]
    ) -> None:
        self._amqp = amqp
        self._http = http
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self._timer: asyncio.TimerHandle | None = None

    def __repr__(self) -> str:
        return f"<FrontDoor: {self._received!r}>"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(_FIRST_BYTES_S, self._transport.abort)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if len(self._received) < _NEEDED:
            return
        assert self._transport is not None  # noqa: S101 - asyncio calls connection_made first
        self._stop_timer()
        protocol = self._http() if self._received.startswith(_HTTP) else self._amqp()
        self._transport.set_protocol(protocol)
        protocol.connection_made(self._transport)
        protocol.data_received(self._received)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._stop_timer()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
