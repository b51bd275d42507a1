"""A connection with one session: handshake, heartbeats, and frames for links by handle."""

from __future__ import annotations

import asyncio
import ssl
from typing import Self, cast
from uuid import uuid4

from local.emulators.servicebus.amqp import frames
from local.emulators.servicebus.amqp.composites import Composite
from local.emulators.servicebus.amqp.errors import AmqpError
from local.emulators.servicebus.amqp.frames import Frame, FrameSplitter
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
from local.host.amqp_client.bus_address import BusAddress
from local.host.amqp_client.link_table import AttachedLink, LinkTable
from local.host.amqp_client.settlements import Settlements

CHANNEL = 0
MAX_FRAME_SIZE = 1024 * 1024
#: Transfers that the peer may send until the next flow. Each flow renews it.
WINDOW = 2**31 - 1
#: Milliseconds after which a silent peer is given up. Peers send heartbeats in half of it.
IDLE_TIME_OUT_MS = 60_000
#: Seconds to connect and shake hands.
OPEN_S = 20.0
#: Seconds in which the peer may read what was written before the end.
FLUSH_S = 2.0


class ConnectionClosed(ConnectionError):
    """The peer closed the connection, ended the session, detached a link, or is silent."""


class AmqpConnection(asyncio.Protocol):
    """Made by `open`. After a failure it stays closed, and `send` raises ConnectionClosed."""

    def __init__(self, address: BusAddress) -> None:
        self._address = address
        self._loop = asyncio.get_running_loop()
        self._splitter = FrameSplitter(MAX_FRAME_SIZE)
        self._transport: asyncio.Transport | None = None
        #: The handshake is over.
        self.opened: asyncio.Future[None] = self._loop.create_future()
        self._awaits_header = True
        self._out: list[bytes] = []
        self._links = LinkTable()
        self._next_incoming_id = self._next_outgoing_id = 0
        self._next_delivery_id = 0
        self._heartbeat: asyncio.TimerHandle | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._heard_at = self._loop.time()
        #: Why it ended.
        self.error: Exception | None = None
        #: The largest frame that the peer takes, in bytes.
        self.max_frame_size = 512
        #: Of deliveries that were received here, and of those sent from here.
        self.received, self.sent = Settlements(), Settlements()

    def __repr__(self) -> str:
        return f"<AmqpConnection {self._address!r} {'closed' if self.error else 'open'}>"

    @classmethod
    async def open(cls, address: BusAddress) -> Self:
        """Raises OSError, TimeoutError, AmqpError."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(OPEN_S):
            context = ssl.create_default_context() if address.uses_tls else None
            _, connection = await loop.create_connection(
                lambda: cls(address), address.host, address.port, ssl=context
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
        self._write(frames.frame(CHANNEL, performative, payload))

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
            self._write(frames.frame(CHANNEL, Close()))
            self._flush()
        self._end(ConnectionClosed("the connection was closed"))

    # -- asyncio.Protocol ----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._write(frames.SASL_HEADER)
        self._watch()

    def data_received(self, data: bytes) -> None:
        self._heard_at = self._loop.time()
        self._splitter.feed(data)
        try:
            self._read_all()
        except Exception as error:  # noqa: BLE001 - a peer's bytes end this connection alone
            self._end(error)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(exc or ConnectionClosed("the peer closed the connection"))

    # -- the peer's frames ---------------------------------------------------------------------

    def _read_all(self) -> None:
        while self.error is None:
            if self._awaits_header:
                if (header := self._splitter.header()) is None:
                    return
                if header not in (frames.SASL_HEADER, frames.AMQP_HEADER):
                    raise ConnectionClosed("the peer does not speak AMQP 1.0")
                self._awaits_header = False
            elif (frame := self._splitter.next_frame()) is None:
                return
            elif frame.performative is not None:
                self._on_frame(frame, frame.performative)

    def _on_frame(self, frame: Frame, performative: Composite) -> None:
        match performative:
            case Transfer():
                self._next_incoming_id = (self._next_incoming_id + 1) & 0xFFFF_FFFF
                self._pass_on(self._links.find(performative.handle), performative, frame.payload)
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
                self._end(error_of(performative.error))
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
                self._write(frames.frame(CHANNEL, init, kind=frames.SASL_FRAME))
            case SaslOutcome():
                if performative.code:
                    raise ConnectionClosed("the peer refuses anonymous SASL")
                self._awaits_header = True
                self._write(frames.AMQP_HEADER)
                self.send(self._open_frame())
                self.send(
                    Begin(None, UInt(0), incoming_window=UInt(WINDOW), outgoing_window=UInt(WINDOW))
                )
            case Open():
                self.max_frame_size = min(int(performative.max_frame_size or 2**32), MAX_FRAME_SIZE)
                if performative.idle_time_out:
                    self._send_heartbeat(int(performative.idle_time_out) / 2000)
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
            idle_time_out=UInt(IDLE_TIME_OUT_MS),
        )

    # -- writing, heartbeats, the end ----------------------------------------------------------

    def _write(self, data: bytes) -> None:
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out.append(data)

    def _flush(self) -> None:
        data, self._out = self._out, []
        if data and self._transport is not None and not self._transport.is_closing():
            self._transport.write(b"".join(data))

    def _send_heartbeat(self, every_s: float) -> None:
        self._write(frames.HEARTBEAT)
        self._heartbeat = self._loop.call_later(every_s, self._send_heartbeat, every_s)

    def _watch(self) -> None:
        """End the connection if the peer has been silent for too long."""
        left_s = self._heard_at + IDLE_TIME_OUT_MS / 1000 - self._loop.time()
        if left_s <= 0:
            self._end(ConnectionClosed("the peer is silent"))
        else:
            self._idle = self._loop.call_later(left_s, self._watch)

    def _end(self, error: Exception) -> None:
        if self.error is not None:
            return
        self.error = error
        for timer in (self._heartbeat, self._idle):
            if timer is not None:
                timer.cancel()
        if self._transport is not None:
            self._transport.close()
            if self._transport.get_write_buffer_size():
                # `close` waits until the peer has read it, which a silent peer never does.
                self._loop.call_later(FLUSH_S, self._transport.abort)
        if not self.opened.done():
            self.opened.set_exception(error)
            # Its waiter may have been cancelled.
            self.opened.exception()
        for each in (self.received, self.sent):
            each.fail(error)
        for link in self._links.clear():
            link.on_closed(error)


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
