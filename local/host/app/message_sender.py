"""Sends output messages to one queue."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from azure.core.exceptions import AzureError
from azure.servicebus import ServiceBusMessage
from azure.servicebus.aio import ServiceBusClient, ServiceBusSender

from local.host.app.bindings import Identity
from local.host.app.connections import Connections, close_client
from local.host.app.output_messages import make_messages
from local.host.app.protos import TypedData
from local.host.errors import BindingFailed

#: Seconds for sending one output, including the wait for the link. A broker that keeps its
#: connection open and does not answer would block it for ever.
SEND_S = 60.0


class MessageSender:
    """Sends over one link, one output at a time, because the SDK's senders are not shared safely.

    After a failure the link is closed, and the next output opens another.
    """

    def __init__(self, connections: Connections, connection: str, queue: str) -> None:
        self._connections, self._connection, self._queue = connections, connection, queue
        self._client: ServiceBusClient | None = None
        self._sender: ServiceBusSender | None = None
        self._lock = asyncio.Lock()

    def __repr__(self) -> str:
        return f"<MessageSender {self._queue} {'open' if self._sender else 'closed'}>"

    async def send(self, data: TypedData, binding: str, identities: Sequence[Identity]) -> None:
        """Send the messages that local.host.app.output_messages makes of an output, in as few
        transfers as their size allows, and wait until the broker has accepted them.

        Raises BindingFailed, at the latest after SEND_S. Some messages may have been sent then.
        """
        try:
            async with asyncio.timeout(SEND_S), self._lock:
                await self._send_or_close(make_messages(data, binding, identities))
        except (AzureError, TimeoutError) as error:
            raise BindingFailed.from_error(error) from error

    async def close(self) -> None:
        async with self._lock:
            await self._close_link()

    async def _send_or_close(self, messages: Sequence[ServiceBusMessage]) -> None:
        try:
            await self._send(messages)
        except BaseException:
            # Also after a cancellation: the link's state is unknown.
            await self._close_link()
            raise

    async def _send(self, messages: Sequence[ServiceBusMessage]) -> None:
        sender = await self._open()
        if len(messages) == 1:
            await sender.send_messages(messages[0])
            return
        batch = await sender.create_message_batch()
        for message in messages:
            try:
                batch.add_message(message)
            except ValueError:
                # The batch is full. A message too large for a batch of its own raises below.
                if len(batch):
                    await sender.send_messages(batch)
                batch = await sender.create_message_batch()
                batch.add_message(message)
        if len(batch):
            await sender.send_messages(batch)

    async def _open(self) -> ServiceBusSender:
        if self._sender is None:
            self._client = self._connections.service_bus(self._connection)
            self._sender = self._client.get_queue_sender(self._queue)
        return self._sender

    async def _close_link(self) -> None:
        client, self._client, self._sender = self._client, None, None
        if client is not None:
            await close_client(client, self)
