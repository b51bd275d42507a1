"""A link over which a peer sends messages."""

from __future__ import annotations

from collections.abc import Callable

from local.emulators.servicebus.amqp.composites import Composite
from local.emulators.servicebus.amqp.errors import (
    MESSAGE_SIZE_EXCEEDED,
    TRANSFER_LIMIT_EXCEEDED,
    AmqpError,
)
from local.emulators.servicebus.amqp.outcomes import Rejected
from local.emulators.servicebus.amqp.performatives import (
    Attach,
    Disposition,
    Error,
    Flow,
    Transfer,
)
from local.emulators.servicebus.amqp.values import Symbol, UInt, ULong, Value
from local.emulators.servicebus.link import MAX_MESSAGE_SIZE, SERIAL_MASK, Link, SessionPort
from local.emulators.servicebus.transactions import TransactionalState, transactional_state

#: Credit of a sender. It is renewed when half is used.
_CREDIT = 1000


#: Takes a message, its format and the id of its transaction. Returns the outcome, or raises
#: AmqpError.
type Receive = Callable[[bytes, int | None, bytes | None], Composite]


class IncomingLink(Link):
    """Joins the transfers of a message, and settles it with the outcome that `receive` returns."""

    def __init__(
        self,
        session: SessionPort,
        attach: Attach,
        receive: Receive,
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
        message = bytes(self._parts)
        self._finish()
        outcome = self._outcome(first, message)
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
        self._delivery_count = (self._delivery_count + 1) & SERIAL_MASK
        self._credit -= 1

    def _outcome(self, first: Transfer, message: bytes) -> Composite:
        try:
            if len(message) > MAX_MESSAGE_SIZE:
                raise AmqpError(
                    MESSAGE_SIZE_EXCEEDED,
                    f"The message has more than the allowed {MAX_MESSAGE_SIZE} bytes.",
                )
            transaction = transactional_state(first.state)
            if transaction is None:
                return self._receive(message, first.message_format, None)
            outcome = self._receive(message, first.message_format, transaction.txn_id)
            return TransactionalState(transaction.txn_id, outcome.described())
        except AmqpError as error:
            # The Python SDK requires the third field, although AMQP does not.
            reason = Error(error.condition, error.description, info={})
            return Rejected(reason.described())

    def _settle(self, first: Transfer, outcome: Composite) -> None:
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
