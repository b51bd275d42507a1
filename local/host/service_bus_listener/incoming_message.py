"""A message as the listener holds it: its AMQP bytes, and what settling and renewing need."""

from __future__ import annotations

from functools import cached_property
from uuid import UUID

from azure.servicebus import ServiceBusReceivedMessage

from local.emulators.servicebus.amqp.decoding import decode_whole
from local.emulators.servicebus.amqp.errors import DecodeError
from local.emulators.servicebus.amqp.sections import (
    MESSAGE_ANNOTATIONS,
    PROPERTIES,
    Header,
    spans,
)
from local.host.amqp_client.receiving_link import Delivery, ReceivingLink


class IncomingMessage:
    """One delivery. The parts that senders write are read leniently: they may be of any type."""

    def __init__(self, delivery: Delivery, link: ReceivingLink) -> None:
        self.delivery = delivery
        #: It alone can settle the delivery: the next connection numbers deliveries anew.
        self.link = link
        self.header = Header()
        #: Empty: it has none.
        self.message_id = ""
        #: Where the sections after the header begin.
        self.after_header = 0
        self.sequence_number = 0
        #: When its lock ends, in seconds since 1970.
        self.locked_until = 0.0
        for code, begin, end in spans(delivery.content):
            self._read(code, delivery.content[begin:end], end)
            if code >= PROPERTIES:
                return

    def __repr__(self) -> str:
        return f"<IncomingMessage {self.sequence_number}>"

    @property
    def lock_token(self) -> UUID:
        return UUID(bytes_le=self.delivery.tag)

    @cached_property
    def as_sdk(self) -> ServiceBusReceivedMessage:
        """As Microsoft's SDK reads it."""
        return ServiceBusReceivedMessage.from_bytes(self.delivery.content)

    def _read(self, code: int, section: bytes, end: int) -> None:
        if code == Header.CODE:
            self.header, self.after_header = Header.of(decode_whole(section)), end
        elif code == MESSAGE_ANNOTATIONS:
            annotations = decode_whole(section)
            self.sequence_number = annotations.get("x-opt-sequence-number", 0)
            self.locked_until = annotations.get("x-opt-locked-until", 0) / 1000
        elif code == PROPERTIES:
            try:
                identity = next(iter(decode_whole(section)), None)
            except (DecodeError, TypeError):
                return
            self.message_id = "" if identity is None else str(identity)
