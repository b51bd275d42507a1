"""Incoming and outgoing links: credit, delivery counts, and the parts of large messages.

Links know no queues. An incoming link passes messages to a callable; an outgoing link sends the
messages of its MessageSource.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from local.emulators.servicebus.amqp.composites import Composite
from local.emulators.servicebus.amqp.errors import (
    MESSAGE_SIZE_EXCEEDED,
    TRANSFER_LIMIT_EXCEEDED,
    AmqpError,
)
from local.emulators.servicebus.amqp.outcomes import Outcome, Rejected
from local.emulators.servicebus.amqp.performatives import (
    Attach,
    Detach,
    Disposition,
    Error,
    Flow,
    Transfer,
)
from local.emulators.servicebus.amqp.values import Symbol, UByte, UInt, ULong, Value

MAX_MESSAGE_SIZE = 262_144

#: Credit of a sender. It is renewed when half is used.
_CREDIT = 1000

_SERIAL = 0xFFFF_FFFF


class SessionPort(Protocol):
    """What a link needs of its session."""

    def send(self, performative: Composite) -> None: ...

    def send_flow(
        self,
        handle: UInt,
        delivery_count: UInt,
        link_credit: UInt,
        available: UInt | None = None,
        drain: bool | None = None,
    ) -> None: ...

    def send_message(
        self, link: OutgoingLink, message: bytes, tag: bytes, *, settled: bool
    ) -> None: ...

    def can_send(self) -> bool:
        """Whether the peer's window and the connection's buffer have room."""

    def forget(self, link: Link) -> None: ...

    def forget_delivery(self, tag: bytes) -> None: ...

    def after_delivery(self, callback: Callable[[], None]) -> None:
        """Call back in this iteration, after ready messages have been delivered."""


class Link:
    """This end of a link. Both ends use the same handle."""

    def __init__(self, session: SessionPort, attach: Attach) -> None:
        self.session = session
        self.handle = attach.handle
        self.name = attach.name
        #: The path that a token must allow; None for `$cbs`, where tokens are sent.
        self.path: str | None = None
        #: Called once, when the link is dropped for any reason.
        self.on_closed: Callable[[], None] = lambda: None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}>"

    def on_flow(self, flow: Flow) -> None:
        raise NotImplementedError

    def on_transfer(self, transfer: Transfer, payload: bytes) -> None:  # noqa: ARG002 - refused
        raise AmqpError(
            TRANSFER_LIMIT_EXCEEDED, "This link sends messages to the peer and accepts none."
        )

    def detach(self, error: AmqpError) -> None:
        """Detach from this side."""
        reason = Error(error.condition, error.description)
        self.session.send(Detach(self.handle, closed=True, error=reason.described()))
        self.session.forget(self)


class IncomingLink(Link):
    """Joins the transfers of a message, and settles it with the outcome that `receive` returns."""

    def __init__(
        self,
        session: SessionPort,
        attach: Attach,
        receive: Callable[[bytes, int | None], Outcome],
        properties: dict[Symbol, Value] | None = None,
    ) -> None:
        super().__init__(session, attach)
        self._receive = receive
        self._delivery_count = int(attach.initial_delivery_count or 0)
        self._credit = 0
        self._first: Transfer | None = None
        self._parts = bytearray()
        session.send(
            Attach(
                name=attach.name,
                handle=attach.handle,
                role=True,
                snd_settle_mode=attach.snd_settle_mode,
                rcv_settle_mode=attach.rcv_settle_mode,
                source=attach.source,
                target=attach.target,
                max_message_size=ULong(MAX_MESSAGE_SIZE),
                properties=properties,
            )
        )
        self._grant()

    def on_flow(self, flow: Flow) -> None:
        if flow.echo:
            self._send_credit()

    def on_transfer(self, transfer: Transfer, payload: bytes) -> None:
        first = self._begin(transfer)
        if transfer.aborted:
            self._finish()
            return
        if len(self._parts) <= MAX_MESSAGE_SIZE:
            self._parts += payload
        if transfer.more:
            return
        message, message_format = bytes(self._parts), first.message_format
        self._finish()
        outcome = self._outcome(message, message_format)
        if not first.settled:
            self._settle(first, outcome)
        if self._credit <= _CREDIT // 2:
            self._grant()

    def _begin(self, transfer: Transfer) -> Transfer:
        if self._first is None:
            if self._credit <= 0:
                raise AmqpError(TRANSFER_LIMIT_EXCEEDED, "A message arrived without credit.")
            if transfer.delivery_id is None:
                raise AmqpError(TRANSFER_LIMIT_EXCEEDED, "A message arrived without a delivery id.")
            self._first = transfer
        return self._first

    def _finish(self) -> None:
        self._first = None
        self._parts = bytearray()
        self._delivery_count = (self._delivery_count + 1) & _SERIAL
        self._credit -= 1

    def _outcome(self, message: bytes, message_format: int | None) -> Outcome:
        try:
            if len(message) > MAX_MESSAGE_SIZE:
                raise AmqpError(
                    MESSAGE_SIZE_EXCEEDED,
                    f"The message has more than the allowed {MAX_MESSAGE_SIZE} bytes.",
                )
            return self._receive(message, message_format)
        except AmqpError as error:
            # The Python SDK requires the third field, although AMQP does not.
            reason = Error(error.condition, error.description, info={})
            return Rejected(reason.described())

    def _settle(self, first: Transfer, outcome: Outcome) -> None:
        delivery_id = first.delivery_id
        assert delivery_id is not None  # noqa: S101 - checked in _begin
        self.session.send(
            Disposition(
                role=True,
                first=delivery_id,
                last=delivery_id,
                settled=True,
                state=outcome.described(),
            )
        )

    def _grant(self) -> None:
        self._credit = _CREDIT
        self._send_credit()

    def _send_credit(self) -> None:
        self.session.send_flow(
            handle=self.handle,
            delivery_count=UInt(self._delivery_count),
            link_credit=UInt(self._credit),
        )


class MessageSource(Protocol):
    """Provides an outgoing link's messages."""

    def credit_given(self) -> None:
        """The link can send more messages."""

    def settled(self, tag: bytes, outcome: Outcome) -> Outcome:
        """Apply the receiver's outcome. Returns the actual outcome."""

    def closed(self) -> None: ...


class OutgoingLink(Link):
    """Sends messages while it has the peer's credit."""

    def __init__(
        self, session: SessionPort, attach: Attach, source: MessageSource, *, presettled: bool
    ) -> None:
        super().__init__(session, attach)
        self._source = source
        self._presettled = presettled
        self._delivery_count = 0
        self._credit = 0
        self._draining = False
        self.on_closed = source.closed
        session.send(
            Attach(
                name=attach.name,
                handle=attach.handle,
                role=False,
                snd_settle_mode=UByte(1) if presettled else UByte(0),
                rcv_settle_mode=attach.rcv_settle_mode,
                source=attach.source,
                target=attach.target,
                initial_delivery_count=UInt(0),
                max_message_size=ULong(MAX_MESSAGE_SIZE),
            )
        )

    def window_opened(self) -> None:
        """The session's window or the connection's buffer has room again."""
        self._source.credit_given()

    def can_send(self) -> bool:
        return self._credit > 0 and self.session.can_send()

    def send(self, message: bytes, tag: bytes) -> None:
        """Needs credit. The peer settles by the tag, unless the link is presettled."""
        self._credit -= 1
        self._delivery_count = (self._delivery_count + 1) & _SERIAL
        self.session.send_message(self, message, tag, settled=self._presettled)

    def on_flow(self, flow: Flow) -> None:
        # A receiver that has not seen the attach yet sends no delivery count.
        seen = self._delivery_count if flow.delivery_count is None else int(flow.delivery_count)
        behind = (self._delivery_count - seen) & _SERIAL
        self._credit = max(0, int(flow.link_credit or 0) - behind)
        self._draining = bool(flow.drain)
        self._source.credit_given()
        if self._draining:
            self.session.after_delivery(self._drain)
        elif flow.echo:
            self._send_flow()

    def lock_lost(self, tag: bytes) -> None:
        """From now on, settling this delivery is too late."""
        self.session.forget_delivery(tag)

    def settle(self, tag: bytes, outcome: Outcome) -> Outcome:
        return self._source.settled(tag, outcome)

    def _drain(self) -> None:
        """Everything ready has been sent: use up the rest of the credit and report it."""
        if not self._draining:
            return
        self._draining = False
        self._delivery_count = (self._delivery_count + self._credit) & _SERIAL
        self._credit = 0
        self._send_flow(drain=True)

    def _send_flow(self, *, drain: bool = False) -> None:
        self.session.send_flow(
            handle=self.handle,
            delivery_count=UInt(self._delivery_count),
            link_credit=UInt(self._credit),
            available=UInt(0),
            drain=drain,
        )
