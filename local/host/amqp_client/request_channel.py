"""Requests and replies over a pair of links: `$cbs` takes tokens, `$management` renews locks."""

from __future__ import annotations

import asyncio
from typing import NamedTuple
from uuid import uuid4

from local.emulators.servicebus.amqp import sections
from local.emulators.servicebus.amqp.sections import Properties
from local.emulators.servicebus.amqp.values import Value
from local.host.amqp_client.amqp_connection import AmqpConnection
from local.host.amqp_client.client_link import SETTLED
from local.host.amqp_client.receiving_link import ReceivingLink
from local.host.amqp_client.sending_link import SendingLink

#: Seconds for one request.
REQUEST_S = 20.0
CREDIT = 100


class RequestFailed(Exception):
    """The peer answered with an error."""


class Reply(NamedTuple):
    status: int
    description: str
    body: Value


class RequestChannel:
    """One request at a time."""

    def __init__(self, connection: AmqpConnection, node: str) -> None:
        self._node = node
        self._address = f"{node}-{uuid4().hex}"
        self._requests = SendingLink(connection, node)
        self._replies = ReceivingLink(connection, node)
        self._turn = asyncio.Lock()

    def __repr__(self) -> str:
        return f"<RequestChannel {self._node}>"

    async def open(self) -> None:
        """Raises AmqpError, ConnectionError."""
        await asyncio.gather(
            self._requests.open(),
            self._replies.open(snd_settle_mode=SETTLED, reply_to=self._address),
        )
        self._replies.give_credit(CREDIT)

    async def ask(self, application: dict[str, Value], body: Value) -> Reply:
        """Raises RequestFailed, TimeoutError, ConnectionError."""
        properties = Properties(message_id=uuid4().hex, reply_to=self._address)
        request = sections.request_response(properties, application, body)
        async with self._turn, asyncio.timeout(REQUEST_S):
            await self._requests.send(request)
            while True:
                await self._replies.arrived(REQUEST_S)
                for delivery in self._replies.take(CREDIT):
                    self._replies.give_credit(CREDIT)
                    split = sections.split(delivery.content)
                    if split.properties.correlation_id == properties.message_id:
                        return _reply(delivery.content)


def _reply(content: bytes) -> Reply:
    """Raises RequestFailed."""
    found = sections.application_properties(content)
    status = int(found.get("statusCode") or found.get("status-code") or 0)
    text = str(found.get("statusDescription") or found.get("status-description") or "")
    if not 200 <= status < 300:
        raise RequestFailed(f"{status} {text}")
    return Reply(status, text, sections.value_body(content))
