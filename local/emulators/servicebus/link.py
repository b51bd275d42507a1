"""What incoming and outgoing links have in common.

Links know credit and delivery counts, but no queues. An incoming link passes messages to a
callable; an outgoing link sends the messages of its MessageSource.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from local.emulators.servicebus.amqp.composites import Composite
from local.emulators.servicebus.amqp.errors import TRANSFER_LIMIT_EXCEEDED, AmqpError
from local.emulators.servicebus.amqp.performatives import Attach, Detach, Error, Flow, Transfer
from local.emulators.servicebus.amqp.values import UInt
from local.emulators.servicebus.sas import ALL_RIGHTS

if TYPE_CHECKING:
    from local.emulators.servicebus.outgoing_link import OutgoingLink

MAX_MESSAGE_SIZE = 262_144

#: Delivery counts and transfer ids are 32-bit serial numbers.
SERIAL_MASK = 0xFFFF_FFFF


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
        self, link: OutgoingLink, message: bytes, tag: bytes | None, *, settled: bool
    ) -> None: ...

    def can_send(self) -> bool:
        """Whether the peer's window and the connection's buffer have room."""

    def refuse(self, attach: Attach, error: AmqpError) -> None: ...

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
        #: The rights of which it must allow one.
        self.rights = ALL_RIGHTS
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
