"""A connection with one session: its handshake, and its links' frames by handle."""

from __future__ import annotations

import asyncio
import ssl
from typing import Self
from uuid import uuid4

from local.emulators.servicebus.amqp import frames
from local.emulators.servicebus.amqp.composites import Composite
from local.emulators.servicebus.amqp.errors import AmqpError
from local.emulators.servicebus.amqp.performatives import (
    Attach,
    Begin,
    Close,
    Detach,
    Disposition,
    End,
    Error,
    Flow,
    Open,
    SaslInit,
    SaslMechanisms,
    SaslOutcome,
    Transfer,
)
from local.emulators.servicebus.amqp.values import Described, Symbol, UInt, UShort
from local.host.amqp_client import frame_stream
from local.host.amqp_client.bus_address import BusAddress
from local.host.amqp_client.frame_stream import MAX_FRAME_SIZE, ConnectionClosed, FrameStream
from local.host.amqp_client.link_table import AttachedLink, LinkTable
from local.host.amqp_client.settlements import Settlements

CHANNEL = 0
#: Transfers that the peer may send until the next flow. Each flow renews it.
WINDOW = 2**31 - 1
#: Seconds to connect and shake hands.
OPEN_S = 20.0


class AmqpConnection:
    """Made by `open`. After a failure it stays closed, and `send` raises ConnectionClosed."""

    def __init__(self, address: BusAddress) -> None:
        self._address = address
        self.stream = FrameStream(self)
        #: The handshake is over.
        self.opened = silent_future(asyncio.get_running_loop())
        self._links = LinkTable()
        self._next_incoming_id = self._next_outgoing_id = 0
        self._next_delivery_id = 0
        #: The largest frame that the peer takes, in bytes.
        self.max_frame_size = 512
        #: Of deliveries that were received here, and of those sent from here.
        self.received, self.sent = Settlements(), Settlements()

    def __repr__(self) -> str:
        return f"<AmqpConnection {self._address!r} {'closed' if self.error else 'open'}>"

    @property
    def error(self) -> Exception | None:
        """Why it ended."""
        return self.stream.error

    @classmethod
    async def open(cls, address: BusAddress) -> Self:
        """Raises OSError, TimeoutError, AmqpError."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(OPEN_S):
            context = ssl.create_default_context() if address.uses_tls else None
            connection = cls(address)
            await loop.create_connection(
                lambda: connection.stream, address.host, address.port, ssl=context
            )
            try:
                await connection.opened
            except BaseException:
                connection.close()
                raise
        return connection

    # -- for links -----------------------------------------------------------------------------

    def attach(self, link: AttachedLink) -> UInt:
        """Returns the link's handle. The link sends its own attach. Raises ConnectionError."""
        if self.error is not None:
            raise ConnectionClosed(str(self.error))
        return UInt(self._links.add(link))

    def send(self, performative: Composite, payload: bytes = b"") -> None:
        """Frames of one iteration of the event loop are written together."""
        if self.error is not None:
            raise ConnectionClosed(str(self.error))
        self.stream.write(frames.frame(CHANNEL, performative, payload))

    def send_flow(self, handle: UInt, delivery_count: int, credit: int) -> None:
        self.send(
            Flow(
                next_incoming_id=UInt(self._next_incoming_id),
                incoming_window=UInt(WINDOW),
                next_outgoing_id=UInt(self._next_outgoing_id),
                outgoing_window=UInt(WINDOW),
                handle=handle,
                delivery_count=UInt(delivery_count),
                link_credit=UInt(credit),
            )
        )

    def send_transfer(self, transfer: Transfer, payload: bytes) -> None:
        self._next_outgoing_id = (self._next_outgoing_id + 1) & 0xFFFF_FFFF
        self.send(transfer, payload)

    def next_delivery_id(self) -> int:
        number = self._next_delivery_id
        self._next_delivery_id = (number + 1) & 0xFFFF_FFFF
        return number

    def close(self) -> None:
        """Say goodbye, and end. Links get ConnectionClosed."""
        if self.error is None and self.opened.done():
            self.stream.write(frames.frame(CHANNEL, Close()))
            self.stream.flush()
        self.stream.end(ConnectionClosed("the connection was closed"))

    # -- for the stream ------------------------------------------------------------------------

    def on_end(self, error: Exception) -> None:
        if not self.opened.done():
            self.opened.set_exception(error)
        for each in (self.received, self.sent):
            each.fail(error)
        for link in self._links.clear():
            link.on_closed(error)

    def on_frame(self, performative: Composite, payload: bytes) -> None:
        match performative:
            case Transfer():
                self._next_incoming_id = (self._next_incoming_id + 1) & 0xFFFF_FFFF
                self._pass_on(self._links.find(performative.handle), performative, payload)
            case Disposition():
                (self.sent if performative.role else self.received).on_disposition(performative)
            case Flow():
                if performative.handle is not None:
                    self._pass_on(self._links.find(performative.handle), performative, b"")
            case Attach():
                link = self._links.bind(performative.name, performative.handle)
                self._pass_on(link, performative, b"")
            case Detach():
                self._on_detach(performative)
            case End() | Close():
                self.stream.end(error_of(performative.error))
            case _:
                self._on_handshake(performative)

    def _pass_on(self, link: AttachedLink | None, performative: Composite, payload: bytes) -> None:
        # A link that was detached may still get frames.
        if link is not None:
            link.on_frame(performative, payload)

    def _on_detach(self, detach: Detach) -> None:
        """Answer it, unless it is itself the answer. Then both ends may use their handles again."""
        if (link := self._links.remove(detach.handle)) is not None:
            link.on_closed(error_of(detach.error))
            link.detach()

    def _on_handshake(self, performative: Composite) -> None:
        match performative:
            case SaslMechanisms():
                init = SaslInit(Symbol("ANONYMOUS"), hostname=self._address.host)
                self.stream.write(frames.frame(CHANNEL, init, kind=frames.SASL_FRAME))
            case SaslOutcome():
                if performative.code:
                    raise ConnectionClosed("the peer refuses anonymous SASL")
                self.stream.expect_header()
                self.stream.write(frames.AMQP_HEADER)
                self.send(self._open_frame())
                self.send(
                    Begin(None, UInt(0), incoming_window=UInt(WINDOW), outgoing_window=UInt(WINDOW))
                )
            case Open():
                self.max_frame_size = min(int(performative.max_frame_size or 2**32), MAX_FRAME_SIZE)
                if performative.idle_time_out:
                    self.stream.send_heartbeats(int(performative.idle_time_out) / 2000)
            case Begin():
                if performative.handle_max is not None:
                    self._links.handle_max = int(performative.handle_max)
                if not self.opened.done():
                    self.opened.set_result(None)

    def _open_frame(self) -> Open:
        return Open(
            container_id=f"triscore-{uuid4().hex}",
            hostname=self._address.host,
            max_frame_size=UInt(MAX_FRAME_SIZE),
            channel_max=UShort(CHANNEL),
            idle_time_out=UInt(frame_stream.IDLE_TIME_OUT_MS),
        )


def error_of(described: Described | None) -> Exception:
    """What a peer gave as its reason to detach, end or close."""
    if described is None:
        return ConnectionClosed("the peer ended the link or the connection")
    read = Error.of(described.value)
    return AmqpError(read.condition, read.description or "")


def silent_future(loop: asyncio.AbstractEventLoop) -> asyncio.Future[None]:
    """A future that logs nothing if nobody awaits its exception."""
    future: asyncio.Future[None] = loop.create_future()
    future.add_done_callback(lambda done: done.cancelled() or done.exception())
    return future
