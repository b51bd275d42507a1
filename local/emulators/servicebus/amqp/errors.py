"""Errors with AMQP's error conditions, as they are sent to a peer.

AmqpError
├── DecodeError      bytes that are not valid AMQP; closes the connection
└── FramingError     an invalid frame header; closes the connection
"""

from __future__ import annotations

from local.emulators.servicebus.amqp.values import Symbol

DECODE_ERROR = Symbol("amqp:decode-error")
FRAMING_ERROR = Symbol("amqp:connection:framing-error")
CONNECTION_FORCED = Symbol("amqp:connection:forced")
ILLEGAL_STATE = Symbol("amqp:illegal-state")
INTERNAL_ERROR = Symbol("amqp:internal-error")
INVALID_FIELD = Symbol("amqp:invalid-field")
NOT_ALLOWED = Symbol("amqp:not-allowed")
NOT_FOUND = Symbol("amqp:not-found")
NOT_IMPLEMENTED = Symbol("amqp:not-implemented")
RESOURCE_LIMIT_EXCEEDED = Symbol("amqp:resource-limit-exceeded")
UNAUTHORIZED_ACCESS = Symbol("amqp:unauthorized-access")
MESSAGE_SIZE_EXCEEDED = Symbol("amqp:link:message-size-exceeded")
TRANSFER_LIMIT_EXCEEDED = Symbol("amqp:link:transfer-limit-exceeded")
HANDLE_IN_USE = Symbol("amqp:session:handle-in-use")
UNATTACHED_HANDLE = Symbol("amqp:session:unattached-handle")


class AmqpError(Exception):
    """`condition` is for the peer's SDK, `description` is a sentence for its user."""

    def __init__(self, condition: Symbol, description: str) -> None:
        super().__init__(f"{condition}: {description}")
        self.condition = condition
        self.description = description


class DecodeError(AmqpError):
    def __init__(self, description: str) -> None:
        super().__init__(DECODE_ERROR, description)


class FramingError(AmqpError):
    def __init__(self, description: str) -> None:
        super().__init__(FRAMING_ERROR, description)
