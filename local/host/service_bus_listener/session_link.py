"""A receiving link of the next session that has messages."""

from __future__ import annotations

import asyncio
import logging
import time

from local.emulators.servicebus.amqp.errors import AmqpError
from local.emulators.servicebus.amqp.outcomes import Source
from local.emulators.servicebus.amqp.values import Described, Symbol, UInt, Value
from local.host.app.connections import Connections
from local.host.service_bus_listener.incoming_message import IncomingMessage
from local.host.service_bus_listener.link import SETTLE_S, WAIT_S, Link
from local.host.service_bus_listener.message_buffer import MIN_RENEWAL_S

log = logging.getLogger(__name__)

_FILTER = Symbol("com.microsoft:session-filter")
_TIMEOUT = Symbol("com.microsoft:timeout")
_LOCKED_UNTIL = Symbol("com.microsoft:locked-until-utc")
#: .NET counts time in steps of 100 ns from the year 1.
_EPOCH_TICKS, _TICKS_PER_S = 621_355_968_000_000_000, 10_000_000


class SessionLink(Link):
    """Holds one session at a time: from `accept` to `close`, which releases it.

    Its lock is renewed for `renewal_s` seconds, as in Azure. The locks of its messages end with it.
    """

    def __init__(
        self,
        connections: Connections,
        connection: str,
        entity: str,
        *,
        credit: int,
        renewal_s: float,
    ) -> None:
        super().__init__(connections, connection, entity, credit=credit)
        self._renewal_s = renewal_s
        self._renewing: asyncio.Task[None] | None = None

    @property
    def has_session(self) -> bool:
        return self._opened is not None

    @property
    def is_renewed(self) -> bool:
        """Whether its lock is still renewed."""
        return self._renewing is not None and not self._renewing.done()

    async def accept(self, wait_s: float) -> bool:
        """Returns whether a session had messages within `wait_s` seconds.

        Raises TimeoutError, OSError, AmqpError and RequestFailed if the broker is away.
        """
        try:
            opened = await self._open({_FILTER: None}, {_TIMEOUT: UInt(int(wait_s * 1000))})
        except AmqpError as error:
            if error.condition == _TIMEOUT:
                return False
            raise
        self._opened = opened
        attached = opened.messages.attached
        assert attached is not None  # noqa: S101 - it is open
        ticks = (attached.properties or {}).get(_LOCKED_UNTIL, 0)
        until = (ticks - _EPOCH_TICKS) / _TICKS_PER_S
        self._renewing = asyncio.create_task(self._renew_session(_session_id(attached), until))
        return True

    async def receive(self, most: int, *, wait_s: float = WAIT_S) -> list[IncomingMessage]:
        if self._opened is None:
            raise ConnectionError("no session was accepted")
        return await super().receive(most, wait_s=wait_s)

    async def close(self) -> None:
        if self._renewing is not None:
            self._renewing.cancel()
            self._renewing = None
        await super().close()

    async def _renew_session(self, session_id: str, until: float) -> None:
        """At half of the lock's time."""
        end = time.monotonic() + self._renewal_s
        while True:
            pause_s = max((until - time.time()) / 2, MIN_RENEWAL_S)
            if time.monotonic() + pause_s > end:
                return
            await asyncio.sleep(pause_s)
            try:
                async with asyncio.timeout(SETTLE_S):
                    body = await self._manage("renew-session-lock", {"session-id": session_id})
                until = int(body["expiration"]) / 1000
            except Exception as error:  # noqa: BLE001 - a broken connection raises anything
                log.warning("%r: its lock could not be renewed: %s", self, type(error).__name__)
                return


def _session_id(attached: Value) -> str:
    """From the source that the broker has attached."""
    filters: dict[Value, Value] = Source.of(attached.source.value).filter or {}
    found = filters.get(_FILTER)
    return str(found.value if isinstance(found, Described) else found)
