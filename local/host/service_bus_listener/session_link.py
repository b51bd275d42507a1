"""A receiving link of the next session that has messages."""

from __future__ import annotations

import asyncio
import logging
import time

from local.emulators.servicebus.amqp.errors import AmqpError
from local.emulators.servicebus.amqp.outcomes import Source
from local.emulators.servicebus.amqp.values import Symbol
from local.host.amqp_client.receiving_link import ReceivingLink
from local.host.amqp_client.request_channel import RequestFailed
from local.host.app.connections import Connections
from local.host.service_bus_listener.link import SETTLE_S, Link, OpenLink
from local.host.service_bus_listener.message_buffer import MIN_RENEWAL_S

log = logging.getLogger(__name__)

SESSION_FILTER = Symbol("com.microsoft:session-filter")
#: No session had messages for as long as the broker waits, about a minute.
NO_SESSION = "com.microsoft:timeout"
#: Seconds for the broker's answer: its own wait, and some.
ACCEPT_S = 90.0

#: Seconds of a lock before its first renewal, which says how long it really is: the shortest that
#: Service Bus has.
SHORTEST_LOCK_S = 5.0


class SessionLink(Link):
    """Holds one session at a time, from `accept` to `release`, all over one connection.

    The session's lock is renewed for `renewal_s` seconds, as in Azure.
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
        self._connected: OpenLink | None = None
        self._renewing: asyncio.Task[None] | None = None

    @property
    def has_session(self) -> bool:
        return self._opened is not None

    @property
    def is_renewed(self) -> bool:
        """Whether its lock is still renewed."""
        return self._renewing is not None and not self._renewing.done()

    async def accept(self) -> bool:
        """Wait for a session with messages. False if none had any in the broker's time.

        Raises TimeoutError, OSError, AmqpError and RequestFailed if the broker is away.
        """
        if self._connected is None:
            self._connected = await self._connect()
        messages = ReceivingLink(self._connected.connection, self._queue)
        try:
            attached = await messages.open(filters={SESSION_FILTER: None}, open_s=ACCEPT_S)
        except AmqpError as error:
            if error.condition == NO_SESSION:
                return False
            raise
        self._opened = self._connected._replace(messages=messages)
        source = Source.of(attached.source.value) if attached.source else Source(None)
        session_id = str((source.filter or {}).get(SESSION_FILTER) or "")
        self._renewing = asyncio.create_task(self._renew_session(session_id))
        return True

    def release(self) -> None:
        """End the session's lock. Its messages that were not settled are delivered again."""
        if self._renewing is not None:
            self._renewing.cancel()
            self._renewing = None
        opened, self._opened = self._opened, None
        if opened is not None:
            opened.messages.detach()

    async def close(self) -> None:
        self.release()
        self._opened, self._connected = self._connected, None
        await super().close()

    async def _renew_session(self, session_id: str) -> None:
        """At half of the lock's time. One that fails is tried again until the lock expires."""
        end, pause_s = time.monotonic() + self._renewal_s, SHORTEST_LOCK_S / 2
        locked_until = time.time() + SHORTEST_LOCK_S
        while time.monotonic() + pause_s < end:
            await asyncio.sleep(pause_s)
            try:
                async with asyncio.timeout(SETTLE_S):
                    body = await self._manage("renew-session-lock", {"session-id": session_id})
            except Exception as error:  # noqa: BLE001 - a broken connection raises anything
                log.warning("%r: its lock could not be renewed: %s", self, type(error).__name__)
                is_lost = isinstance(error, RequestFailed) and error.is_lasting
                if is_lost or time.time() >= locked_until:
                    return
            else:
                locked_until = int(body["expiration"]) / 1000
            pause_s = max((locked_until - time.time()) / 2, MIN_RENEWAL_S)
