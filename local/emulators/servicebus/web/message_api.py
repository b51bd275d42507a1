"""Messages over REST: send, receive, and settle by the lock's address."""

from __future__ import annotations

import asyncio
import re
from typing import Any
from uuid import UUID

from local.emulators.servicebus import message_conversion, rest_messages
from local.emulators.servicebus.amqp.errors import AmqpError
from local.emulators.servicebus.broker.errors import LockLost, NotAllowed
from local.emulators.servicebus.broker.message_queue import MessageQueue
from local.emulators.servicebus.broker.namespace import Namespace
from local.emulators.servicebus.link import MAX_MESSAGE_SIZE
from local.emulators.servicebus.web.exchange import Exchange, HttpError, Response

_PATH = re.compile(
    r"(?P<entity>.+?)/messages(?P<head>/head|/(?P<sequence>\d+|[^/]+)/(?P<token>[0-9a-f-]{36}))?",
    re.IGNORECASE,
)
#: Seconds that a receiver waits if it does not say, and at most.
_WAIT_S, _MAX_WAIT_S = 60, 120
#: Seconds between two looks at an empty queue.
_POLL_S = 0.05
_BATCH_TYPE = "application/vnd.microsoft.servicebus.json"


def is_message_path(path: str) -> bool:
    return _PATH.fullmatch(path) is not None


class MessageApi:
    def __init__(self, namespace: Namespace) -> None:
        self._namespace = namespace

    def __repr__(self) -> str:
        return f"<MessageApi of {self._namespace!r}>"

    async def answer(self, exchange: Exchange, body: bytes) -> Response:
        """Raises HttpError."""
        match = _PATH.fullmatch(exchange.path)
        assert match is not None  # noqa: S101 - the caller has asked is_message_path
        queue = self._namespace.find(match["entity"])
        if queue is None:
            raise HttpError(404, f"The messaging entity {match['entity']!r} could not be found.")
        if match["head"] is None:
            return self._send(exchange, queue, body)
        if match["token"] is None:
            return await self._receive(exchange, queue)
        return _settle(exchange, queue, UUID(match["token"]))

    def _send(self, exchange: Exchange, queue: MessageQueue, body: bytes) -> Response:
        if exchange.method != "POST":
            raise HttpError(405, "Send with POST; receive from /messages/head.")
        if self._namespace.find_target(queue.path) is not queue:
            raise HttpError(400, f"Nothing can be sent to {queue.path!r}.")
        try:
            encoded = (
                rest_messages.read_batch(body)
                if exchange.headers.get("content-type", "").startswith(_BATCH_TYPE)
                else [rest_messages.read(exchange.headers, body)]
            )
            if any(len(each) > MAX_MESSAGE_SIZE for each in encoded):
                raise HttpError(413, f"A message has more than {MAX_MESSAGE_SIZE} bytes.")
            queue.send_all([message_conversion.read_message(each) for each in encoded])
        except (NotAllowed, AmqpError, ValueError) as error:
            raise HttpError(400, str(error)) from error
        return Response(201, b"", {"content-type": "application/xml; charset=utf-8"})

    async def _receive(self, exchange: Exchange, queue: MessageQueue) -> Response:
        deadline = asyncio.get_running_loop().time() + min(
            exchange.number("timeout", _WAIT_S), _MAX_WAIT_S
        )
        while True:
            response = _receive_now(exchange, queue)
            if response is not None:
                return response
            if asyncio.get_running_loop().time() >= deadline:
                return Response(204)
            await asyncio.sleep(_POLL_S)


def _receive_now(exchange: Exchange, queue: MessageQueue) -> Response | None:
    """POST locks a message, DELETE removes it; None: there is none."""
    if exchange.method == "DELETE":
        message = queue.take()
        return None if message is None else _response(200, *rest_messages.write(message))
    if exchange.method != "POST":
        raise HttpError(405, "Lock a message with POST, or remove it with DELETE.")
    delivery = queue.receive(None)
    if delivery is None:
        return None
    headers, body = rest_messages.write(delivery.message, delivery)
    location = f"{exchange.root}/{queue.path}/messages/{delivery.message.sequence}/{delivery.token}"
    return _response(201, {**headers, "location": location}, body)


def _settle(exchange: Exchange, queue: MessageQueue, token: UUID) -> Response:
    """DELETE completes, PUT abandons, POST renews the lock."""
    operations: dict[str, Any] = {
        "DELETE": queue.complete,
        "PUT": queue.abandon,
        "POST": queue.renew,
    }
    if exchange.method not in operations:
        raise HttpError(405, f"{exchange.method} is not allowed here.")
    try:
        operations[exchange.method](token)
    except LockLost as error:
        raise HttpError(404, str(error)) from error
    return Response(200)


def _response(status: int, headers: dict[str, str], body: bytes) -> Response:
    return Response(status, body, headers)
