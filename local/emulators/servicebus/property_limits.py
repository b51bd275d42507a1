"""The limits of Service Bus on the application properties of a message."""

from __future__ import annotations

from local.emulators.servicebus.amqp.decoding import decode_whole
from local.emulators.servicebus.amqp.encoding import encode
from local.emulators.servicebus.amqp.errors import MESSAGE_SIZE_EXCEEDED, AmqpError
from local.emulators.servicebus.amqp.values import Value

#: Bytes of all application properties together, and of one property's name or value.
MAX_PROPERTIES, MAX_PROPERTY = 64 * 1024, 32 * 1024


def require_small(section: bytes) -> None:
    """`section`: the encoded map of properties. Raises AmqpError if it exceeds a limit.

    Service Bus answers a large property with an unnamed error of its own. This one names it.
    """
    if len(section) <= MAX_PROPERTY:
        return
    if len(section) > MAX_PROPERTIES:
        raise AmqpError(
            MESSAGE_SIZE_EXCEEDED,
            f"The application properties have {len(section):,} bytes, the limit is "
            f"{MAX_PROPERTIES:,}.",
        )
    properties: dict[Value, Value] = decode_whole(section)
    for name, value in properties.items():
        if len(encode(name)) > MAX_PROPERTY or len(encode(value)) > MAX_PROPERTY:
            raise AmqpError(
                MESSAGE_SIZE_EXCEEDED,
                f"The application property {str(name)[:60]!r} has more than the allowed "
                f"{MAX_PROPERTY:,} bytes.",
            )
