"""Encodes decimal properties as Service Bus does, which is not as IEEE 754 says.

IEEE 754 has 14 bits of exponent behind the sign. Service Bus writes the upper 7 of them two bits
lower, and SDKs expect that: Python's refuses a property that comes back as it was sent.
"""

from __future__ import annotations

from local.emulators.servicebus.amqp import sections
from local.emulators.servicebus.amqp.values import Decimal, Value

#: The constructor of AMQP's decimal128.
CONSTRUCTOR = b"\x94"

_SIZE = 16
#: Exponents near zero have this bit if they are written as IEEE 754 says.
_STANDARD = 0x20


def convert(bare: bytes) -> bytes:
    """The bare message with its decimal properties as Service Bus sends them."""
    properties = sections.application_properties(bare)
    changes = {
        str(name): _convert(value)
        for name, value in properties.items()
        if isinstance(value, Decimal) and len(value.data) == _SIZE
    }
    return sections.with_application_properties(bare, changes) if changes else bare


def _convert(value: Decimal) -> Value:
    first, second = value.data[:2]
    if not first & _STANDARD:
        return value
    exponent = (first & 0x7F) << 7 | second >> 1
    head = (first & 0x80) | exponent >> 9, (exponent & 0x7F) << 1 | (second & 1)
    return Decimal(bytes(head) + value.data[2:])
