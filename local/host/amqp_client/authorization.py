"""Keeps a connection allowed to use an entity, by tokens sent to the node `$cbs`."""

from __future__ import annotations

import asyncio
import logging
import time

from local.emulators.servicebus.amqp.values import Timestamp, Value
from local.host.amqp_client.amqp_connection import AmqpConnection
from local.host.amqp_client.bus_address import BusAddress
from local.host.amqp_client.request_channel import RequestChannel

log = logging.getLogger(__name__)

NODE = "$cbs"
#: The share of a token's time after which the next one is sent.
RENEW_AFTER = 0.8
MIN_RENEWAL_S = 1.0


class Authorization:
    """Sends a token, and another one before it expires, until `close`."""

    def __init__(self, connection: AmqpConnection, address: BusAddress, path: str) -> None:
        self._connection, self._address, self._path = connection, address, path
        self._channel = RequestChannel(connection, NODE)
        self._renewing: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<Authorization {self._path}>"

    async def open(self) -> None:
        """Raises RequestFailed, AmqpError, OSError, TimeoutError, and what a credential raises."""
        used_s = await self._put_token()
        self._renewing = asyncio.create_task(self._renew(used_s))

    def close(self) -> None:
        if self._renewing is not None:
            self._renewing.cancel()

    async def _put_token(self) -> float:
        """Returns the seconds after which the next token is due."""
        audience = self._address.audience(self._path)
        token = await self._address.get_token(audience)
        application: dict[str, Value] = {
            "operation": "put-token",
            "type": token.kind,
            "name": audience,
            "expiration": Timestamp(int(token.expires_at * 1000)),
        }
        await self._channel.ask(application, token.text)
        return max((token.expires_at - time.time()) * RENEW_AFTER, MIN_RENEWAL_S)

    async def _renew(self, used_s: float) -> None:
        """The peer ends the links of an expired token, so a failure shows there."""
        while True:
            await asyncio.sleep(used_s)
            try:
                used_s = await self._put_token()
            except Exception as error:  # noqa: BLE001 - a broken connection raises anything
                log.warning("%r: no new token: %s", self._connection, type(error).__name__)
                used_s = MIN_RENEWAL_S
                if self._connection.error is not None:
                    return
