"""The deliveries of a session that the peer has not settled yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from local.emulators.servicebus.amqp.composites import Composite
from local.emulators.servicebus.amqp.errors import AmqpError
from local.emulators.servicebus.amqp.outcomes import Accepted, Outcome, Rejected, read_outcome
from local.emulators.servicebus.amqp.performatives import Disposition, Error
from local.emulators.servicebus.amqp.values import Symbol, UInt
from local.emulators.servicebus.link import SERIAL_MASK, Link
from local.emulators.servicebus.outgoing_link import OutgoingLink
from local.emulators.servicebus.transactions import (
    Operation,
    TransactionalState,
    Transactions,
    transactional_state,
)

_LOCK_LOST_CONDITION = Symbol("com.microsoft:message-lock-lost")
_LOCK_LOST_TEXT = (
    "The lock supplied is invalid. Either the lock expired, or the message has already been "
    "removed from the queue."
)
_LOCK_LOST = Rejected(
    Error(
        _LOCK_LOST_CONDITION,
        _LOCK_LOST_TEXT,
        info={},
    ).described()
)


class Deliveries:
    """By delivery id, and by the tag that a link gave them."""

    def __init__(self, send: Callable[[Composite], None], transactions: Transactions) -> None:
        self._send = send
        self._transactions = transactions
        self._unsettled: dict[int, tuple[OutgoingLink, bytes]] = {}
        self._delivery_ids: dict[bytes, int] = {}

    def __repr__(self) -> str:
        return f"<Deliveries: {len(self)} unsettled>"

    def __len__(self) -> int:
        return len(self._unsettled)

    def add(self, delivery_id: int, link: OutgoingLink, tag: bytes) -> None:
        self._unsettled[delivery_id] = (link, tag)
        self._delivery_ids[tag] = delivery_id

    def forget(self, tag: bytes) -> None:
        delivery_id = self._delivery_ids.pop(tag, None)
        if delivery_id is not None:
            del self._unsettled[delivery_id]

    def forget_link(self, link: Link) -> None:
        delivery_ids = [number for number, (owner, _) in self._unsettled.items() if owner is link]
        for number in delivery_ids:
            _, tag = self._unsettled.pop(number)
            del self._delivery_ids[tag]

    def on_disposition(self, disposition: Disposition) -> None:
        """Settle the deliveries that the peer names."""
        # A sending peer only confirms what has been settled here already.
        if not disposition.role:
            return
        first = int(disposition.first)
        last = first if disposition.last is None else int(disposition.last)
        if disposition.state is None and not disposition.settled:
            return
        settled = [
            (delivery_id, self._settle(delivery_id, disposition))
            for delivery_id in self._delivery_ids_between(first, last)
        ]
        if not disposition.settled:
            for first, last, answer in _ranges(settled):
                self._answer(first, last, answer)

    def _delivery_ids_between(self, first: int, last: int) -> list[int]:
        """The ids from first to last; only known ones if the range is implausibly large."""
        amount = ((last - first) & SERIAL_MASK) + 1
        if amount <= max(1, len(self._unsettled)):
            return [(first + offset) & SERIAL_MASK for offset in range(amount)]
        return [known for known in self._unsettled if (known - first) & SERIAL_MASK < amount]

    def _settle(self, delivery_id: int, disposition: Disposition) -> Composite:
        """Returns the actual outcome."""
        transaction = transactional_state(disposition.state)
        if transaction is not None:
            return self._add_to_transaction(delivery_id, transaction)
        state = disposition.state
        return self._apply(delivery_id, Accepted() if state is None else read_outcome(state))

    def _answer(self, first: int, last: int, answer: Composite) -> None:
        state = answer.described()
        self._send(
            Disposition(role=False, first=UInt(first), last=UInt(last), settled=True, state=state)
        )

    def _apply(self, delivery_id: int, requested: Outcome) -> Outcome:
        """Returns the actual outcome."""
        unsettled = self._unsettled.pop(delivery_id, None)
        if unsettled is None:
            return _LOCK_LOST
        link, tag = unsettled
        self._delivery_ids.pop(tag, None)
        return link.settle(tag, requested)

    def _add_to_transaction(
        self, delivery_id: int, state: TransactionalState
    ) -> TransactionalState:
        """Settle when the transaction is discharged. Until then the message stays locked."""
        requested = Accepted() if state.outcome is None else read_outcome(state.outcome)
        operation = Operation(
            partial(self._check_unsettled, delivery_id),
            partial(self._apply, delivery_id, requested),
        )
        self._transactions.add(state.txn_id, operation)
        return TransactionalState(state.txn_id, requested.described())

    def _check_unsettled(self, delivery_id: int) -> None:
        """Raises AmqpError if the delivery's lock is lost."""
        if delivery_id not in self._unsettled:
            raise AmqpError(_LOCK_LOST_CONDITION, _LOCK_LOST_TEXT)


def _ranges(settled: list[tuple[int, Composite]]) -> Iterator[tuple[int, int, Composite]]:
    """First and last ids of consecutive deliveries with the same outcome."""
    index = 0
    while index < len(settled):
        first, answer = settled[index]
        index, last = index + 1, first
        while index < len(settled) and settled[index] == (last + 1, answer):
            index, last = index + 1, last + 1
        yield first, last, answer
