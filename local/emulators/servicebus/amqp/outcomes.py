"""How deliveries end (AMQP 1.0, part 3.4), and the termini that links are attached to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from local.emulators.servicebus.amqp.composites import Composite
from local.emulators.servicebus.amqp.errors import DecodeError
from local.emulators.servicebus.amqp.values import Described, ULong, Value


@dataclass(slots=True)
class Accepted(Composite):
    CODE: ClassVar = ULong(0x24)


@dataclass(slots=True)
class Rejected(Composite):
    CODE: ClassVar = ULong(0x25)
    error: Described | None = None


@dataclass(slots=True)
class Released(Composite):
    CODE: ClassVar = ULong(0x26)


@dataclass(slots=True)
class Modified(Composite):
    CODE: ClassVar = ULong(0x27)
    delivery_failed: bool | None = None
    undeliverable_here: bool | None = None
    message_annotations: dict[Value, Value] | None = None


type Outcome = Accepted | Rejected | Released | Modified

_OUTCOMES: dict[int, type[Accepted | Rejected | Released | Modified]] = {
    kind.CODE: kind for kind in (Accepted, Rejected, Released, Modified)
}


def read_outcome(state: Described) -> Outcome:
    """Read the outcome of a disposition's state. Raises DecodeError for any other state."""
    kind = _OUTCOMES.get(state.descriptor) if isinstance(state.descriptor, int) else None
    if kind is None:
        raise DecodeError("a disposition's state is not an outcome")
    return kind.of(state.value)


@dataclass(slots=True)
class _Terminus(Composite):
    """The fields that a source and a target begin with."""

    address: str | None = None
    durable: Any = None
    expiry_policy: Any = None
    timeout: Any = None
    dynamic: bool | None = None
    dynamic_node_properties: Any = None


@dataclass(slots=True)
class Source(_Terminus):
    CODE: ClassVar = ULong(0x28)
    distribution_mode: Any = None
    filter: dict[Value, Value] | None = None
    default_outcome: Any = None
    outcomes: Any = None
    capabilities: Any = None


@dataclass(slots=True)
class Target(_Terminus):
    CODE: ClassVar = ULong(0x29)
    capabilities: Any = None


#: The target's descriptor of a link that controls transactions.
COORDINATOR = 0x30
