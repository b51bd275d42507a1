"""A receiving link of one queue: opened when needed, thrown away when it fails."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from azure.servicebus import ServiceBusReceivedMessage
from azure.servicebus.aio import ServiceBusClient, ServiceBusReceiver
from azure.servicebus.exceptions import MessageAlreadySettled, MessageLockLostError

from host.connections import Connections

log = logging.getLogger(__name__)

#: Seconds that a look for messages lasts; a stop waits as long at most.
LOOK_S = 1.0
#: Seconds that a connection has to be closed in order, before it is left to its end.
CLOSE_S = 2.0
#: Seconds for which more messages may follow the first of a batch.
FOLLOW_S = 0.02


async def close_client(client: ServiceBusClient, owner: object) -> None:
    """Close a client within CLOSE_S, whatever state its connection is in. Raises nothing."""
    try:
        async with asyncio.timeout(CLOSE_S):
            await client.close()
    except Exception as error:  # noqa: BLE001 - an engine whose connection broke raises anything
        log.debug("%r: closing its connection: %s", owner, type(error).__name__)


class Link:
    """Receives and settles. One at a time may receive; many may settle."""

    def __init__(
        self, connections: Connections, connection: str, queue: str, *, prefetch: int
    ) -> None:
        self._connections, self._connection, self._queue = connections, connection, queue
        self._prefetch = prefetch
        self._client: ServiceBusClient | None = None
        self._receiver: ServiceBusReceiver | None = None

    def __repr__(self) -> str:
        return f"<Link {self._queue} {'open' if self._receiver else 'closed'}>"

    def check(self) -> None:
        """Raises HostError for a connection that cannot be used. Nothing is sent yet."""
        self._open()

    async def receive(
        self, most: int, *, look_s: float = LOOK_S
    ) -> list[ServiceBusReceivedMessage]:
        """Up to `most` messages that are there, or come within `look_s`.

        Raises AzureError where the broker is away.
        """
        receiver = self._open()
        # The SDK waits 0.2 s for a batch to fill; asked for one message it returns at once.
        messages = await receiver.receive_messages(1, max_wait_time=look_s)
        if messages and most > 1:
            messages += await receiver.receive_messages(most - 1, max_wait_time=FOLLOW_S)
        return messages

    async def complete(self, message: ServiceBusReceivedMessage) -> None:
        await self._settle("complete", message, lambda link: link.complete_message(message))

    async def abandon(self, message: ServiceBusReceivedMessage) -> None:
        await self._settle("abandon", message, lambda link: link.abandon_message(message))

    async def renew(self, message: ServiceBusReceivedMessage) -> bool:
        """Whether the lock goes on."""
        if self._receiver is None:
            return False
        try:
            await self._receiver.renew_message_lock(message)
        except Exception as error:  # noqa: BLE001 - an engine whose connection broke raises anything
            log.warning(
                "queue %s: the lock of message %s could not be renewed: %s",
                *(self._queue, message.sequence_number, type(error).__name__),
            )
            return False
        return True

    async def close(self) -> None:
        client, self._client, self._receiver = self._client, None, None
        if client is not None:
            await close_client(client, self)

    async def _settle(
        self,
        what: str,
        message: ServiceBusReceivedMessage,
        settle: Callable[[ServiceBusReceiver], Awaitable[None]],
    ) -> None:
        """A message that cannot be settled comes again when its lock runs out."""
        reason = "its link is gone"
        if self._receiver is not None:
            try:
                await settle(self._receiver)
            except (MessageLockLostError, MessageAlreadySettled):
                reason = "its lock was lost"
            except Exception as error:  # noqa: BLE001 - an engine whose connection broke raises anything
                reason = type(error).__name__
            else:
                return
        log.warning(
            "queue %s: cannot %s message %s: %s; it comes again",
            *(self._queue, what, message.sequence_number, reason),
        )

    def _open(self) -> ServiceBusReceiver:
        if self._receiver is None:
            self._client = self._connections.service_bus(self._connection)
            self._receiver = self._client.get_queue_receiver(
                self._queue, prefetch_count=self._prefetch
            )
        return self._receiver
