"""A link over which a peer receives messages."""

from __future__ import annotations

from typing import Protocol, Self

from local.emulators.servicebus.amqp.errors import AmqpError
from local.emulators.servicebus.amqp.outcomes import Outcome
from local.emulators.servicebus.amqp.performatives import Attach, Flow
from local.emulators.servicebus.amqp.values import (
    Described,
    Symbol,
    UByte,
    UInt,
    ULong,
    Value,
)
from local.emulators.servicebus.link import MAX_MESSAGE_SIZE, SERIAL_MASK, Link, SessionPort


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
        self._asked = attach
        self._delivery_count = 0
        self._credit = 0
        self._draining = False
        self.on_closed = source.closed

    def open(
        self,
        source: Described | None = None,
        properties: dict[Symbol, Value] | None = None,
    ) -> Self:
        """Answer the attach; `source` replaces the source that the peer asked for."""
        asked = self._asked
        self.session.send(
            Attach(
                name=asked.name,
                handle=asked.handle,
                role=False,
                snd_settle_mode=UByte(1) if self._presettled else UByte(0),
                rcv_settle_mode=asked.rcv_settle_mode,
                source=asked.source if source is None else source,
                target=asked.target,
                initial_delivery_count=UInt(0),
                max_message_size=ULong(MAX_MESSAGE_SIZE),
                properties=properties,
            )
        )
        return self

    def refuse(self, error: AmqpError) -> None:
        """Answer the attach with an error."""
        self.session.refuse(self._asked, error)
        self.session.forget(self)

    def window_opened(self) -> None:
        """The session's window or the connection's buffer has room again."""
        self._source.credit_given()

    def can_send(self) -> bool:
        return self._credit > 0 and self.session.can_send()

    def send(self, message: bytes, tag: bytes | None) -> None:
        """Needs credit. The peer settles by the tag; a presettled link needs none."""
        self._credit -= 1
        self._delivery_count = (self._delivery_count + 1) & SERIAL_MASK
        self.session.send_message(self, message, tag, settled=self._presettled)

    def on_flow(self, flow: Flow) -> None:
        # A receiver that has not seen the attach yet sends no delivery count.
        seen = self._delivery_count if flow.delivery_count is None else int(flow.delivery_count)
        behind = (self._delivery_count - seen) & SERIAL_MASK
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
        self._delivery_count = (self._delivery_count + self._credit) & SERIAL_MASK
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
