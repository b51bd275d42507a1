"""Reads typed fields from the body of a management request."""

from __future__ import annotations

from local.emulators.servicebus.amqp.errors import NOT_ALLOWED, AmqpError
from local.emulators.servicebus.amqp.values import Value


def get[T](body: dict[Value, Value], key: str, kind: type[T]) -> T:
    value = body.get(key)
    if not isinstance(value, kind):
        raise AmqpError(NOT_ALLOWED, f"Expected {key} as {kind.__name__}.")
    return value


def get_session(body: dict[Value, Value]) -> str | None:
    """The session's id; None without one."""
    return None if body.get("session-id") is None else get(body, "session-id", str)


def get_list[T](body: dict[Value, Value], key: str, kind: type[T]) -> list[T]:
    """A list or array of one type."""
    values = body.get(key)
    if not isinstance(values, list):
        raise AmqpError(NOT_ALLOWED, f"Expected {key} as a list.")
    typed = [value for value in values if isinstance(value, kind)]
    if len(typed) != len(values):
        raise AmqpError(NOT_ALLOWED, f"Expected {key} as a list of {kind.__name__}.")
    return typed
