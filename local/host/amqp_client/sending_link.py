"""Sends messages to an entity, and waits until it has accepted them."""

from __future__ import annotations

import asyncio

from local.emulators.servicebus.amqp.composites import Composite
from local.emulators.servicebus.amqp.errors import AmqpError
from local.emulators.servicebus.amqp.outcomes import Accepted, Rejected
from local.emulators.servicebus.amqp.performatives import Error, Flow, Transfer
from local.emulators.servicebus.amqp.values import Symbol, UInt
from local.host.amqp_client.amqp_connection import AmqpConnection
from local.host.amqp_client.client_link import ClientLink

#: The most bytes of a transfer frame without its payload.
OVERHEAD = 128
MAX_BATCH_SIZE = Symbol("com.microsoft:max-message-batch-size")
#: The largest message, if the peer does not say, in bytes.
DEFAULT_MAX_SIZE = 262_144
NOT_ACCEPTED = Symbol("amqp:not-accepted")


class SendingLink(ClientLink):
    def __init__(self, connection: AmqpConnection, path: str) -> None:
        super().__init__(connection, path, role=False)
        self._delivery_count = 0
        self._credit = 0
        self._credit_given = asyncio.Event()
        #: The numbers of deliveries whose outcome is awaited.
        self._in_flight: set[int] = set()

    @property
    def max_size(self) -> int:
        """The most bytes of a batch of messages."""
        if self.attached is None:
            return DEFAULT_MAX_SIZE
        whole = int(self.attached.max_message_size or DEFAULT_MAX_SIZE)
        return min(whole, int((self.attached.properties or {}).get(MAX_BATCH_SIZE, whole)))

    async def send(self, message: bytes, message_format: int = 0) -> None:
        """Return once the peer has accepted it. Raises AmqpError if not, and ConnectionError."""
        while not self._credit:
            self._credit_given.clear()
            self.require_open()
            await self._credit_given.wait()
        self.require_open()
        self._credit -= 1
        self._delivery_count = (self._delivery_count + 1) & 0xFFFF_FFFF
        number = self.connection.next_delivery_id()
        settled = self.connection.sent.expect(number, number)
        self._in_flight.add(number)
        size = self.connection.max_frame_size - OVERHEAD
        for begin in range(0, len(message) or 1, size):
            transfer = Transfer(
                handle=self.handle,
                delivery_id=UInt(number),
                delivery_tag=number.to_bytes(4),
                message_format=UInt(message_format),
                settled=False,
                more=begin + size < len(message),
            )
            self.connection.send_transfer(transfer, message[begin : begin + size])
        try:
            outcomes = await settled
        finally:
            self._in_flight.discard(number)
        match outcomes.get(number):
            case Accepted() | None:
                return
            case Rejected(error=described) if described is not None:
                read = Error.of(described.value)
                raise AmqpError(read.condition, read.description or "")
            case other:
                raise AmqpError(NOT_ACCEPTED, f"a message ended as {type(other).__name__}")

    def on_frame(self, performative: Composite, payload: bytes) -> None:
        if isinstance(performative, Flow):
            seen = int(performative.delivery_count or 0)
            in_flight = (self._delivery_count - seen) & 0xFFFF_FFFF
            self._credit = max(0, int(performative.link_credit or 0) - in_flight)
            if self._credit:
                self._credit_given.set()
        else:
            super().on_frame(performative, payload)

    def on_closed(self, error: Exception) -> None:
        super().on_closed(error)
        self._credit_given.set()
        self.connection.sent.fail(error, self._in_flight)
