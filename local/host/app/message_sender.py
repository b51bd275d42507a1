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
    """Sends over one link, one transfer at a time, because the SDK's senders are not shared safely.

    Outputs that wait for the transfer before them go together into the next one. After a failure
    the link is closed, and the next output opens another.
    """

    def __init__(self, connections: Connections, connection: str, queue: str) -> None:
        self._connections, self._connection, self._queue = connections, connection, queue
        self._client: ServiceBusClient | None = None
        self._sender: ServiceBusSender | None = None
        self._waiting: list[tuple[Sequence[ServiceBusMessage], asyncio.Future[None]]] = []
        self._sending: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<MessageSender {self._queue} {'open' if self._sender else 'closed'}>"

    async def send(self, data: TypedData, binding: str, identities: Sequence[Identity]) -> None:
        """Send the messages that local.host.app.output_messages makes of an output, in as few
        transfers as their size allows, and wait until the broker has accepted them.

        Raises BindingFailed, at the latest after SEND_S. Some messages may have been sent then.
        """
        accepted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((make_messages(data, binding, identities), accepted))
        if self._sending is None:
            self._sending = asyncio.create_task(self._send_waiting())
        try:
            async with asyncio.timeout(SEND_S):
                await accepted
        except (AzureError, TimeoutError) as error:
            raise BindingFailed.from_error(error) from error

    async def close(self) -> None:
        """Outputs that still wait are sent first."""
        if self._sending is not None:
            await asyncio.wait([self._sending])
        await self._close_link()

    async def _send_waiting(self) -> None:
        """Send until none waits."""
        try:
            while self._waiting:
                outputs, self._waiting = self._waiting, []
                failure = await self._try_to_send([each for some, _ in outputs for each in some])
                if isinstance(failure, ValueError) and len(outputs) > 1:
                    # A message is too large. The other outputs are not affected.
                    for messages, accepted in outputs:
                        _end(accepted, await self._try_to_send(messages))
                else:
                    for _, accepted in outputs:
                        _end(accepted, failure)
        finally:
            self._sending = None
            for _, accepted in self._waiting:
                accepted.cancel()

    async def _try_to_send(self, messages: Sequence[ServiceBusMessage]) -> Exception | None:
        try:
            async with asyncio.timeout(SEND_S):
                await self._send(messages)
        except asyncio.CancelledError:
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise
            # This task was not cancelled: the SDK awaited a task that it had cancelled.
            failure: Exception = TimeoutError("the connection was closed")
        except Exception as error:  # noqa: BLE001 - a broken connection raises anything
            failure = error
        else:
            return None
        # The link's state is unknown.
        await self._close_link()
        return failure

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


def _end(accepted: asyncio.Future[None], failure: Exception | None) -> None:
    if accepted.done():
        return
    if failure is None:
        accepted.set_result(None)
    else:
        accepted.set_exception(failure)
