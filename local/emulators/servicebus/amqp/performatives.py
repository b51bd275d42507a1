"""The frames that open, use and end connections, sessions and links (AMQP 1.0, parts 2.7, 5.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from local.emulators.servicebus.amqp.composites import Composite
from local.emulators.servicebus.amqp.values import (
    Array,
    Described,
    Symbol,
    UByte,
    UInt,
    ULong,
    UShort,
    Value,
)


@dataclass(slots=True)
class Error(Composite):
    CODE: ClassVar = ULong(0x1D)
    condition: Symbol
    description: str | None = None
    info: dict[Value, Value] | None = None


@dataclass(slots=True)
class Open(Composite):
    CODE: ClassVar = ULong(0x10)
    container_id: str
    hostname: str | None = None
    max_frame_size: UInt | None = None
    channel_max: UShort | None = None
    #: Milliseconds.
    idle_time_out: UInt | None = None
    outgoing_locales: Any = None
    incoming_locales: Any = None
    offered_capabilities: Any = None
    desired_capabilities: Any = None
    properties: dict[Value, Value] | None = None


@dataclass(slots=True)
class Begin(Composite):
    CODE: ClassVar = ULong(0x11)
    remote_channel: UShort | None
    next_outgoing_id: UInt
    incoming_window: UInt
    outgoing_window: UInt
    handle_max: UInt | None = None
    offered_capabilities: Any = None
    desired_capabilities: Any = None
    properties: dict[Value, Value] | None = None


@dataclass(slots=True)
class Attach(Composite):
    """`role` is true for the receiving end. Source and target are echoed unchanged."""

    CODE: ClassVar = ULong(0x12)
    name: str
    handle: UInt
    role: bool
    snd_settle_mode: UByte | None = None
    rcv_settle_mode: UByte | None = None
    source: Described | None = None
    target: Described | None = None
    unsettled: dict[Value, Value] | None = None
    incomplete_unsettled: bool | None = None
    initial_delivery_count: UInt | None = None
    max_message_size: ULong | None = None
    offered_capabilities: Any = None
    desired_capabilities: Any = None
    properties: dict[Value, Value] | None = None


@dataclass(slots=True)
class Flow(Composite):
    CODE: ClassVar = ULong(0x13)
    next_incoming_id: UInt | None
    incoming_window: UInt
    next_outgoing_id: UInt
    outgoing_window: UInt
    handle: UInt | None = None
    delivery_count: UInt | None = None
    link_credit: UInt | None = None
    available: UInt | None = None
    drain: bool | None = None
    echo: bool | None = None
    properties: dict[Value, Value] | None = None


@dataclass(slots=True)
class Transfer(Composite):
    CODE: ClassVar = ULong(0x14)
    handle: UInt
    delivery_id: UInt | None = None
    delivery_tag: bytes | None = None
    message_format: UInt | None = None
    settled: bool | None = None
    more: bool | None = None
    rcv_settle_mode: UByte | None = None
    state: Described | None = None
    resume: bool | None = None
    aborted: bool | None = None
    batchable: bool | None = None


@dataclass(slots=True)
class Disposition(Composite):
    """`role` is true if the receiving end sends it."""

    CODE: ClassVar = ULong(0x15)
    role: bool
    first: UInt
    last: UInt | None = None
    settled: bool | None = None
    state: Described | None = None
    batchable: bool | None = None


@dataclass(slots=True)
class Detach(Composite):
    CODE: ClassVar = ULong(0x16)
    handle: UInt
    closed: bool | None = None
    error: Described | None = None


@dataclass(slots=True)
class End(Composite):
    CODE: ClassVar = ULong(0x17)
    error: Described | None = None


@dataclass(slots=True)
class Close(Composite):
    CODE: ClassVar = ULong(0x18)
    error: Described | None = None


@dataclass(slots=True)
class SaslMechanisms(Composite):
    CODE: ClassVar = ULong(0x40)
    sasl_server_mechanisms: Array | Symbol


@dataclass(slots=True)
class SaslInit(Composite):
    CODE: ClassVar = ULong(0x41)
    mechanism: Symbol
    initial_response: bytes | None = None
    hostname: str | None = None


@dataclass(slots=True)
class SaslOutcome(Composite):
    CODE: ClassVar = ULong(0x44)
    code: UByte
    additional_data: bytes | None = None


#: By descriptor code.
PERFORMATIVES: dict[int, type[Composite]] = {
    kind.CODE: kind
    for kind in (
        *(Open, Begin, Attach, Flow, Transfer, Disposition, Detach, End, Close),
        *(SaslMechanisms, SaslInit, SaslOutcome),
    )
}
