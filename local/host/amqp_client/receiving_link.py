"""Receives an entity's messages and settles them."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import NamedTuple

from local.emulators.servicebus.amqp.composites import Composite
from local.emulators.servicebus.amqp.outcomes import Outcome
from local.emulators.servicebus.amqp.performatives import Disposition, Transfer
from local.emulators.servicebus.amqp.values import UInt
from local.host.amqp_client.amqp_connection import AmqpConnection
from local.host.amqp_client.client_link import ClientLink
from local.host.amqp_client.settlements import Outcomes


class Delivery(NamedTuple):
    """A message as it came."""

    number: int
    #: Service Bus: the lock token, little-endian.
    tag: bytes
    #: Its sections, encoded.
    content: bytes


class ReceivingLink(ClientLink):
    """Messages arrive in the background, as far as there is credit, and wait for `take`."""

    def __init__(self, connection: AmqpConnection, path: str) -> None:
        super().__init__(connection, path, role=True)
        self._arrived: deque[Delivery] = deque()
        self._arrival: asyncio.Future[None] | None = None
        self._first: Transfer | None = None
        self._parts: list[bytes] = []
        self._delivery_count = 0
        #: The numbers of deliveries whose settlement the peer has to confirm.
        self._settling: set[int] = set()
        #: Messages that the peer may still send.
        self.outstanding = 0

    @property
    def waiting(self) -> int:
        """Messages that have arrived and were not taken."""
        return len(self._arrived)

    def give_credit(self, credit: int) -> None:
        """Let the peer send so many messages from now on. Raises ConnectionError."""
        self.require_open()
        self.outstanding = credit
        self.connection.send_flow(self.handle, self._delivery_count, credit)

    async def arrived(self, wait_s: float) -> bool:
        """Wait until a message is there; False if none came in time. Raises what ended the link."""
        if self._arrived:
            return True
        self.require_open()
        loop = asyncio.get_running_loop()
        self._arrival = loop.create_future()
        timer = loop.call_later(wait_s, self._notify)
        try:
            await self._arrival
        finally:
            timer.cancel()
            self._arrival = None
        if not self._arrived:
            self.require_open()
        return bool(self._arrived)

    def take(self, most: int) -> list[Delivery]:
        """The first messages that have arrived."""
        count = min(most, len(self._arrived))
        return [self._arrived.popleft() for _ in range(count)]

    def settle(self, first: int, last: int, outcome: Outcome) -> asyncio.Future[Outcomes]:
        """Settle a range of deliveries. The future has the peer's outcomes.

        Raises ConnectionError.
        """
        self.require_open()
        self.connection.send(
            Disposition(
                role=True,
                first=UInt(first),
                last=UInt(last),
                settled=False,
                state=outcome.described(),
                batchable=True,
            )
        )
        self._settling.update(range(first, last + 1))
        settled = self.connection.received.expect(first, last)
        settled.add_done_callback(
            lambda _: self._settling.difference_update(range(first, last + 1))
        )
        return settled

    def on_frame(self, performative: Composite, payload: bytes) -> None:
        if isinstance(performative, Transfer):
            self._on_transfer(performative, payload)
        else:
            super().on_frame(performative, payload)

    def on_closed(self, error: Exception) -> None:
        super().on_closed(error)
        self.connection.received.fail(error, self._settling)
        self._notify()

    def _on_transfer(self, transfer: Transfer, payload: bytes) -> None:
        first = self._first or transfer
        if transfer.more:
            self._first = first
            self._parts.append(payload)
            return
        if self._parts:
            payload = b"".join((*self._parts, payload))
            self._first, self._parts = None, []
        self._delivery_count = (self._delivery_count + 1) & 0xFFFF_FFFF
        self.outstanding -= 1
        self._arrived.append(
            Delivery(int(first.delivery_id or 0), first.delivery_tag or b"", payload)
        )
        self._notify()

    def _notify(self) -> None:
        if self._arrival is not None and not self._arrival.done():
            self._arrival.set_result(None)
