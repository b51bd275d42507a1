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

    def __init__(self, status: int, description: str) -> None:
        super().__init__(f"{status} {description}")
        self.status = status

    @property
    def is_lasting(self) -> bool:
        """Whether the same request will fail again."""
        return 400 <= self.status < 500 and self.status not in (408, 429)


class Reply(NamedTuple):
    status: int
    description: str
    body: Value


class RequestChannel:
    """One request at a time. Its links open with the first one, and again after they ended."""

    def __init__(self, connection: AmqpConnection, node: str) -> None:
        self._connection, self._node = connection, node
        self._address = f"{node}-{uuid4().hex}"
        self._links: tuple[SendingLink, ReceivingLink] | None = None
        self._turn = asyncio.Lock()

    def __repr__(self) -> str:
        return f"<RequestChannel {self._node}>"

    async def ask(self, application: dict[str, Value], body: Value) -> Reply:
        """Raises RequestFailed, AmqpError, TimeoutError, ConnectionError."""
        properties = Properties(message_id=uuid4().hex, reply_to=self._address)
        request = sections.request_response(properties, application, body)
        async with self._turn, asyncio.timeout(REQUEST_S):
            requests, replies = await self._open()
            await requests.send(request)
            while True:
                await replies.arrived(REQUEST_S)
                for delivery in replies.take(CREDIT):
                    replies.give_credit(CREDIT)
                    split = sections.split(delivery.content)
                    if split.properties.correlation_id == properties.message_id:
                        return _reply(delivery.content)

    async def _open(self) -> tuple[SendingLink, ReceivingLink]:
        if self._links is not None:
            if not any(link.error for link in self._links):
                return self._links
            self._detach(*self._links)
            self._links = None
        requests = SendingLink(self._connection, self._node)
        replies = ReceivingLink(self._connection, self._node)
        try:
            await asyncio.gather(
                requests.open(), replies.open(snd_settle_mode=SETTLED, reply_to=self._address)
            )
            replies.give_credit(CREDIT)
        except BaseException:
            self._detach(requests, replies)
            raise
        self._links = requests, replies
        return self._links

    def _detach(self, *links: SendingLink | ReceivingLink) -> None:
        for link in links:
            link.detach()


def _reply(content: bytes) -> Reply:
    """Raises RequestFailed."""
    found = sections.application_properties(content)
    status = int(found.get("statusCode") or found.get("status-code") or 0)
    text = str(found.get("statusDescription") or found.get("status-description") or "")
    if not 200 <= status < 300:
        raise RequestFailed(status, text)
    return Reply(status, text, sections.value_body(content))
