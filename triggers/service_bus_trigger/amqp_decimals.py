"""Decodes AMQP's decimals: IEEE 754 with a binary coefficient, and Service Bus's variant of it.

Azure's SDKs and Service Bus write a decimal128 with the upper bits of its exponent two places
lower than the standard says. Both forms are read: they differ in one bit for every exponent between
-2,000 and 2,000.
"""

from __future__ import annotations

from decimal import Decimal

#: By size in bytes: bits of the exponent, and its bias.
_LAYOUTS = {4: (8, 101), 8: (10, 398), 16: (14, 6176)}
#: Of the first byte of a standard decimal128 with an exponent near zero.
_STANDARD = 0x20
#: Above this exponent no float holds the number. Such an integer would have thousands of digits.
_MAX_EXPONENT = 400


def decode(data: bytes) -> Decimal:
    """Raises ValueError for a number that is not finite, and for one out of a float's range."""
    bits, bias = _LAYOUTS[len(data)]
    width = len(data) * 8 - 1 - bits
    number = int.from_bytes(data)
    negative, number = number >> (width + bits), number & ((1 << (width + bits)) - 1)
    exponent, coefficient = number >> width, number & ((1 << width) - 1)
    if len(data) == 16 and not data[0] & _STANDARD:
        exponent = (data[0] & 0x7F) << 9 | data[1] >> 1
    elif exponent >> (bits - 2) == 0b11:  # a coefficient with an implied 0b100 before it
        if exponent >> (bits - 4) == 0b1111:
            raise ValueError("an AMQP decimal is not finite")
        exponent = number >> (width - 2) & ((1 << bits) - 1)
        coefficient = 0b100 << (width - 2) | number & ((1 << (width - 2)) - 1)
    exponent -= bias
    if exponent > _MAX_EXPONENT:
        raise ValueError(f"an AMQP decimal has the exponent {exponent:,}")
    return Decimal((negative, tuple(map(int, str(coefficient))), exponent))
