"""Transactions of one connection: sends and settlements that take effect together, or not at all.

A client declares a transaction over a link to the coordinator, names it in transfers and
dispositions, and discharges it. Until then its messages stay locked, and what it sends is held
here. A transaction that is not discharged when its connection ends is rolled back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar
from uuid import uuid4

from local.emulators.servicebus.amqp import sections
from local.emulators.servicebus.amqp.composites import Composite
from local.emulators.servicebus.amqp.errors import AmqpError, DecodeError
from local.emulators.servicebus.amqp.outcomes import Accepted
from local.emulators.servicebus.amqp.values import Described, Symbol, ULong, Value

_UNKNOWN_ID = Symbol("amqp:transaction:unknown-id")
_ROLLBACK = Symbol("amqp:transaction:rollback")

#: The most operations that one transaction may have, as in Service Bus.
MAX_OPERATIONS = 100


@dataclass(slots=True)
class Discharge(Composite):
    CODE: ClassVar = ULong(0x32)
    txn_id: bytes
    fail: bool | None = None


@dataclass(slots=True)
class Declared(Composite):
    CODE: ClassVar = ULong(0x33)
    txn_id: bytes


@dataclass(slots=True)
class TransactionalState(Composite):
    """The state of a transfer or a disposition that belongs to a transaction."""

    CODE: ClassVar = ULong(0x34)
    txn_id: bytes
    outcome: Described | None = None


_DECLARE = 0x31


@dataclass(frozen=True, slots=True)
class Operation:
    """`check` raises AmqpError if `apply` would fail."""

    check: Callable[[], object]
    apply: Callable[[], object]


@dataclass(slots=True)
class Transactions:
    """Those that are declared and not discharged."""

    _open: dict[bytes, list[Operation]] = field(default_factory=dict)

    def add(self, txn_id: bytes, operation: Operation) -> None:
        """Raises AmqpError if the transaction is unknown or full."""
        operations = self._find(txn_id)
        if len(operations) >= MAX_OPERATIONS:
            raise AmqpError(_ROLLBACK, f"A transaction has at most {MAX_OPERATIONS} operations.")
        operations.append(operation)

    def receive(self, message: bytes, _format: int | None, _txn_id: bytes | None) -> Composite:
        """Handle a message to the coordinator. Returns the outcome. Raises AmqpError."""
        body = sections.value_body(message)
        if not isinstance(body, Described):
            raise DecodeError("the coordinator takes a declare or a discharge")
        if body.descriptor == _DECLARE:
            txn_id = uuid4().bytes
            self._open[txn_id] = []
            return Declared(txn_id)
        self._discharge(Discharge.of(body.value))
        return Accepted()

    def _discharge(self, discharge: Discharge) -> None:
        operations = self._find(discharge.txn_id)
        del self._open[discharge.txn_id]
        if discharge.fail:
            return
        for operation in operations:
            operation.check()
        for operation in operations:
            operation.apply()

    def _find(self, txn_id: bytes) -> list[Operation]:
        operations = self._open.get(txn_id)
        if operations is None:
            raise AmqpError(_UNKNOWN_ID, "The transaction is unknown, or was discharged.")
        return operations


def transactional_state(state: Value) -> TransactionalState | None:
    """None: the transfer or disposition belongs to no transaction. Raises DecodeError."""
    if isinstance(state, Described) and state.descriptor == TransactionalState.CODE:
        return TransactionalState.of(state.value)
    return None
