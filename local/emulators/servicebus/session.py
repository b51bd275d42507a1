"""A session: transfer windows, delivery ids, and links by handle."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from local.emulators.servicebus.amqp.composites import Composite
from local.emulators.servicebus.amqp.errors import HANDLE_IN_USE, UNATTACHED_HANDLE, AmqpError
from local.emulators.servicebus.amqp.performatives import (
    Attach,
    Begin,
    Detach,
    Disposition,
    Error,
    Flow,
    Transfer,
)
from local.emulators.servicebus.amqp.values import UInt, UShort
from local.emulators.servicebus.deliveries import Deliveries
from local.emulators.servicebus.link import SERIAL_MASK, Link
from local.emulators.servicebus.outgoing_link import OutgoingLink
from local.emulators.servicebus.transactions import Transactions

#: Transfers that the peer may send before the next flow, which renews the window.
_INCOMING_WINDOW = 5000
_OUTGOING_WINDOW = 5000
_HANDLE_MAX = 4999

#: The most bytes of a transfer frame without its payload: header, performative, delivery tag.
_TRANSFER_OVERHEAD = 128


class ConnectionPort(Protocol):
    """What a session needs of its connection."""

    max_frame_size: int
    transactions: Transactions

    def send(self, channel: int, performative: Composite, payload: bytes = b"") -> None: ...

    def can_send(self) -> bool: ...

    def after_delivery(self, callback: Callable[[], None]) -> None: ...


#: Makes the link that an attach asks for, or raises AmqpError.
type Attacher = Callable[["Session", Attach], Link]


class Session:
    """Handles the frames of one channel."""

    def __init__(
        self, connection: ConnectionPort, channel: int, begin: Begin, attach: Attacher
    ) -> None:
        self.connection = connection
        self.channel = channel
        self.links: dict[int, Link] = {}
        self._attach = attach
        self._next_incoming_id = int(begin.next_outgoing_id)
        self._window_left = _INCOMING_WINDOW
        self._peer_window = int(begin.incoming_window)
        self._next_outgoing_id = 0
        self._next_delivery_id = 0
        self._deliveries = Deliveries(self.send, connection.transactions)
        connection.send(
            channel,
            Begin(
                remote_channel=UShort(channel),
                next_outgoing_id=UInt(0),
                incoming_window=UInt(_INCOMING_WINDOW),
                outgoing_window=UInt(_OUTGOING_WINDOW),
                handle_max=UInt(_HANDLE_MAX),
            ),
        )

    def __repr__(self) -> str:
        return f"<Session {self.channel}: {len(self.links)} links>"

    @property
    def unsettled(self) -> int:
        return len(self._deliveries)

    # -- the peer's frames ---------------------------------------------------------------------

    def on_frame(self, performative: Composite, payload: bytes) -> None:
        """Raises AmqpError if the session must end."""
        match performative:
            case Transfer():
                self._on_transfer(performative, payload)
            case Disposition():
                self._deliveries.on_disposition(performative)
            case Flow():
                self._on_flow(performative)
            case Attach():
                self._on_attach(performative)
            case Detach():
                self._on_detach(performative)

    def _on_attach(self, attach: Attach) -> None:
        if attach.handle in self.links:
            raise AmqpError(HANDLE_IN_USE, f"Handle {attach.handle} is attached already.")
        try:
            self.links[attach.handle] = self._attach(self, attach)
        except AmqpError as error:
            self.refuse(attach, error)

    def _on_detach(self, detach: Detach) -> None:
        link = self.links.get(detach.handle)
        # None: this frame answers a detach that was sent from here.
        if link is not None:
            self.forget(link)
            self.send(Detach(detach.handle, closed=detach.closed))

    def _on_flow(self, flow: Flow) -> None:
        seen = 0 if flow.next_incoming_id is None else int(flow.next_incoming_id)
        in_flight = (self._next_outgoing_id - seen) & SERIAL_MASK
        self._peer_window = int(flow.incoming_window) - in_flight
        if flow.handle is not None:
            # None: the link has just been detached from here.
            if (link := self.links.get(flow.handle)) is not None:
                link.on_flow(flow)
            return
        for link in self.links.values():
            if isinstance(link, OutgoingLink):
                link.window_opened()
        if flow.echo:
            self._send_flow()

    def _on_transfer(self, transfer: Transfer, payload: bytes) -> None:
        self._next_incoming_id = (self._next_incoming_id + 1) & SERIAL_MASK
        self._window_left -= 1
        if self._window_left <= _INCOMING_WINDOW // 2:
            self._send_flow()
        link = self.links.get(transfer.handle)
        if link is None:
            raise AmqpError(UNATTACHED_HANDLE, f"No link has the handle {transfer.handle}.")
        try:
            link.on_transfer(transfer, payload)
        except AmqpError as error:
            link.detach(error)

    # -- sending for links ---------------------------------------------------------------------

    def send(self, performative: Composite) -> None:
        self.connection.send(self.channel, performative)

    def refuse(self, attach: Attach, error: AmqpError) -> None:
        """AMQP: refuse a link by attaching it without source and target, then detaching it."""
        refused = Attach(
            attach.name,
            attach.handle,
            not attach.role,
            initial_delivery_count=UInt(0) if attach.role else None,
        )
        self.send(refused)
        reason = Error(error.condition, error.description)
        self.send(Detach(attach.handle, closed=True, error=reason.described()))

    def send_flow(
        self,
        handle: UInt,
        delivery_count: UInt,
        link_credit: UInt,
        available: UInt | None = None,
        drain: bool | None = None,
    ) -> None:
        flow = self._flow()
        flow.handle, flow.delivery_count, flow.link_credit = handle, delivery_count, link_credit
        flow.available, flow.drain = available, drain
        self.send(flow)

    def send_message(
        self, link: OutgoingLink, message: bytes, tag: bytes | None, *, settled: bool
    ) -> None:
        delivery_id = self._next_delivery_id
        self._next_delivery_id = (delivery_id + 1) & SERIAL_MASK
        if tag is not None and not settled:
            self._deliveries.add(delivery_id, link, tag)
        part_size = self.connection.max_frame_size - _TRANSFER_OVERHEAD
        for begin in range(0, len(message) or 1, part_size):
            transfer = Transfer(
                handle=link.handle,
                delivery_id=UInt(delivery_id),
                delivery_tag=tag,
                message_format=UInt(0),
                settled=settled,
                more=begin + part_size < len(message),
            )
            self.connection.send(self.channel, transfer, message[begin : begin + part_size])
            self._next_outgoing_id = (self._next_outgoing_id + 1) & SERIAL_MASK
            self._peer_window -= 1

    def can_send(self) -> bool:
        return self._peer_window > 0 and self.connection.can_send()

    def after_delivery(self, callback: Callable[[], None]) -> None:
        self.connection.after_delivery(callback)

    # -- closing -------------------------------------------------------------------------------

    def forget_delivery(self, tag: bytes) -> None:
        self._deliveries.forget(tag)

    def forget(self, link: Link) -> None:
        """Drop a link. Its message locks stay until they expire, as in Service Bus."""
        if self.links.pop(link.handle, None) is None:
            return
        self._deliveries.forget_link(link)
        link.on_closed()

    def close(self) -> None:
        for link in list(self.links.values()):
            self.forget(link)

    def writable(self) -> None:
        """The connection's buffer has room again."""
        for link in self.links.values():
            if isinstance(link, OutgoingLink):
                link.window_opened()

    def _send_flow(self) -> None:
        self.send(self._flow())

    def _flow(self) -> Flow:
        self._window_left = _INCOMING_WINDOW
        return Flow(
            next_incoming_id=UInt(self._next_incoming_id),
            incoming_window=UInt(_INCOMING_WINDOW),
            next_outgoing_id=UInt(self._next_outgoing_id),
            outgoing_window=UInt(_OUTGOING_WINDOW),
        )
