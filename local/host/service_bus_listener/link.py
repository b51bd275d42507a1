"""A receiving link of one queue. Opened on first use; closed and reopened after a failure."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Literal

from azure.servicebus import ServiceBusReceivedMessage
from azure.servicebus.aio import ServiceBusClient, ServiceBusReceiver
from azure.servicebus.exceptions import MessageAlreadySettled, MessageLockLostError

from local.host.app.connections import Connections, close_client

log = logging.getLogger(__name__)

Settling = Literal["complete", "abandon", "dead_letter", "defer"]
Settle = Callable[[ServiceBusReceivedMessage], Awaitable[None]]

#: Seconds that one receive waits for a first message. A shutdown waits for it.
WAIT_S = 1.0
#: Seconds to wait for more messages of a batch: after the last ones, and in total.
FOLLOW_S = 0.02
FOLLOW_TOTAL_S = 0.2
#: Seconds that receiving may take beyond its wait, to connect; and that settling may take.
RECEIVE_S = 30.0
SETTLE_S = 5.0
#: Messages that are settled at the same time. The time of each counts from the first one's.
SETTLED_TOGETHER = 64
#: Seconds that a smaller batch waits for others to be settled with.
GATHER_S = 0.02

#: Seconds that the SDK's read waits for a frame. Writes wait for the read.
READ_S = 0.02

#: The link credit of a trigger of single messages, where host.json has no prefetchCount.
DEFAULT_CREDIT = 8


class Link:
    """Receives and settles. One task at a time may receive; many may settle.

    Batches are settled and received in turn. The SDK reads one frame for each message that is being
    settled, so it would wait READ_S for each whose frame a concurrent `receive` has read.

    Credit given to the broker cannot be taken back. Without prefetch, the SDK releases messages
    that arrive while nothing receives, gets them again, and releases them again. So this link
    gives `credit` at a time, and new credit only when all those messages have been received.
    `outstanding` is the number that may still arrive. If receiving stops before it is 0, the locks
    of those messages expire.
    """

    def __init__(
        self, connections: Connections, connection: str, queue: str, *, credit: int
    ) -> None:
        self._connections, self._connection, self._queue = connections, connection, queue
        self._credit = credit
        self._turn = asyncio.Lock()
        #: Batches that wait for their turn, each with what settles its messages.
        self._unsettled: list[tuple[Settle, Sequence[ServiceBusReceivedMessage]]] = []
        self._client: ServiceBusClient | None = None
        self._receiver: ServiceBusReceiver | None = None
        #: Credit given to the broker minus messages received.
        self.outstanding = 0

    def __repr__(self) -> str:
        return f"<Link {self._queue} {'open' if self._receiver else 'closed'}>"

    def check(self) -> None:
        """Raises HostError if the connection setting cannot be used. Sends nothing."""
        self._open()

    async def receive(
        self, most: int, *, wait_s: float = WAIT_S
    ) -> list[ServiceBusReceivedMessage]:
        """Up to `most` messages, waiting `wait_s` for the first.

        Raises TimeoutError and any of the SDK's errors if the broker is away.
        """
        async with asyncio.timeout(wait_s + RECEIVE_S), self._turn:
            messages = await self._next(1, wait_s)
            end = time.monotonic() + FOLLOW_TOTAL_S
            while messages and len(messages) < most and time.monotonic() < end:
                more = await self._next(most - len(messages), FOLLOW_S)
                if not more:
                    break
                messages += more
        return messages

    async def _next(self, most: int, wait_s: float) -> list[ServiceBusReceivedMessage]:
        """At most as many as are outstanding: asked for more, the SDK would give credit itself."""
        receiver = self._open()
        if not self.outstanding:
            self.outstanding = self._credit
        messages = await receiver.receive_messages(
            min(most, self.outstanding), max_wait_time=wait_s
        )
        self.outstanding -= len(messages)
        return messages

    async def settle_batch(
        self, messages: Sequence[ServiceBusReceivedMessage], *, done: bool
    ) -> None:
        """Complete the messages, or abandon them if they are not `done`.

        Batches that wait for their turn are settled together.
        """
        settle = self.complete if done else self.abandon
        batches = self._unsettled
        batches.append((settle, messages))
        if len(messages) < SETTLED_TOGETHER:
            await asyncio.sleep(GATHER_S)
        async with self._turn:
            if batches is self._unsettled:
                self._unsettled = []
                todo = [(each, message) for each, some in batches for message in some]
                for some in itertools.batched(todo, SETTLED_TOGETHER, strict=False):
                    await asyncio.gather(*(each(message) for each, message in some))

    async def complete(self, message: ServiceBusReceivedMessage) -> None:
        await self._try_to_settle("complete", message)

    async def abandon(self, message: ServiceBusReceivedMessage) -> None:
        await self._try_to_settle("abandon", message)

    async def settle(
        self, what: Settling, message: ServiceBusReceivedMessage, **options: str | None
    ) -> None:
        """Raises TimeoutError, ValueError and any of the SDK's errors."""
        if self._receiver is None:
            raise ValueError("its link is closed")
        async with asyncio.timeout(SETTLE_S):
            await getattr(self._receiver, f"{what}_message")(message, **options)

    async def renew(self, message: ServiceBusReceivedMessage) -> bool:
        """Returns whether the lock was renewed."""
        if self._receiver is None:
            return False
        try:
            async with asyncio.timeout(SETTLE_S):
                await self._receiver.renew_message_lock(message)
        except Exception as error:  # noqa: BLE001 - a broken connection raises anything
            log.warning(
                "queue %s: the lock of message %s could not be renewed: %s",
                *(self._queue, message.sequence_number, type(error).__name__),
            )
            return False
        return True

    async def close(self) -> None:
        client, self._client, self._receiver, self.outstanding = self._client, None, None, 0
        if client is not None:
            await close_client(client, self)

    async def _try_to_settle(self, what: Settling, message: ServiceBusReceivedMessage) -> None:
        """A message that cannot be settled is delivered again when its lock expires."""
        try:
            await self.settle(what, message)
        except (MessageLockLostError, MessageAlreadySettled):
            reason = "its lock was lost"
        except Exception as error:  # noqa: BLE001 - a broken connection raises anything
            reason = type(error).__name__
        else:
            return
        log.warning(
            "queue %s: cannot %s message %s: %s; it will be delivered again",
            *(self._queue, what, message.sequence_number, reason),
        )

    def _open(self) -> ServiceBusReceiver:
        if self._receiver is None:
            self._client = self._connections.service_bus(self._connection)
            self._receiver = self._client.get_queue_receiver(
                self._queue, prefetch_count=self._credit - 1, socket_timeout=READ_S
            )
        return self._receiver
