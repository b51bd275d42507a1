"""A receiving link of one queue: opened when needed, thrown away when it fails."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from azure.servicebus import ServiceBusReceivedMessage
from azure.servicebus.aio import ServiceBusClient, ServiceBusReceiver
from azure.servicebus.exceptions import MessageAlreadySettled, MessageLockLostError

from local.host.app.connections import Connections

log = logging.getLogger(__name__)

#: Seconds that a look for messages lasts; a stop waits as long at most.
LOOK_S = 1.0
#: Seconds that a connection has to be closed in order, before it is left to its end.
CLOSE_S = 2.0
#: Seconds for which more messages may follow the first of a batch: after each, and in all.
FOLLOW_S = 0.02
FOLLOW_MOST_S = 0.2
#: Seconds beyond a look that receiving may take, to connect; and that settling may take.
RECEIVE_S = 30.0
SETTLE_S = 5.0

#: Seconds that the SDK waits for a frame; as long may wait what is to be sent.
READ_S = 0.02

#: Messages that the broker is asked for at a time, where host.json has no prefetchCount.
ASKED_AT_ONCE = 8


async def close_client(client: ServiceBusClient, owner: object) -> None:
    """Close a client within CLOSE_S, whatever state its connection is in. Raises nothing."""
    try:
        async with asyncio.timeout(CLOSE_S):
            await client.close()
    except Exception as error:  # noqa: BLE001 - an engine whose connection broke raises anything
        log.debug("%r: closing its connection: %s", owner, type(error).__name__)


class Link:
    """Receives and settles. One at a time may receive; many may settle.

    What the SDK has asked the broker for stays asked for. Without prefetching it would give back
    whatever comes when nobody receives, and get it again, and give it back. So it prefetches, a few
    at a time, and asks for more only when all have been received: `owed` says how many may still
    come. Whoever stops receiving before it is 0 leaves messages here whose locks run out.
    """

    def __init__(
        self, connections: Connections, connection: str, queue: str, *, prefetch: int
    ) -> None:
        self._connections, self._connection, self._queue = connections, connection, queue
        self._asked_at_once = prefetch + 1 if prefetch else ASKED_AT_ONCE
        self._client: ServiceBusClient | None = None
        self._receiver: ServiceBusReceiver | None = None
        #: Messages that the broker was asked for and that have not been received.
        self.owed = 0

    def __repr__(self) -> str:
        return f"<Link {self._queue} {'open' if self._receiver else 'closed'}>"

    def check(self) -> None:
        """Raises HostError for a connection that cannot be used. Nothing is sent yet."""
        self._open()

    async def receive(
        self, most: int, *, look_s: float = LOOK_S
    ) -> list[ServiceBusReceivedMessage]:
        """Up to `most` messages that are there, or come within `look_s`.

        Raises whatever the SDK does, and TimeoutError, where the broker is away.
        """
        async with asyncio.timeout(look_s + RECEIVE_S):
            messages = await self._next(look_s)
            end = time.monotonic() + FOLLOW_MOST_S
            while messages and len(messages) < most and time.monotonic() < end:
                more = await self._next(FOLLOW_S)
                if not more:
                    break
                messages += more
        return messages

    async def _next(self, look_s: float) -> list[ServiceBusReceivedMessage]:
        """One, if there is one: asked for several the SDK may receive some that it keeps."""
        receiver = self._open()
        if not self.owed:
            self.owed = self._asked_at_once
        messages = await receiver.receive_messages(1, max_wait_time=look_s)
        self.owed -= len(messages)
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
            async with asyncio.timeout(SETTLE_S):
                await self._receiver.renew_message_lock(message)
        except Exception as error:  # noqa: BLE001 - an engine whose connection broke raises anything
            log.warning(
                "queue %s: the lock of message %s could not be renewed: %s",
                *(self._queue, message.sequence_number, type(error).__name__),
            )
            return False
        return True

    async def close(self) -> None:
        client, self._client, self._receiver, self.owed = self._client, None, None, 0
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
                async with asyncio.timeout(SETTLE_S):
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
                self._queue, prefetch_count=self._asked_at_once - 1, socket_timeout=READ_S
            )
        return self._receiver
