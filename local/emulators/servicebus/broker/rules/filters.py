"""The filters of rules: SQL, and equality of properties (correlation)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from local.emulators.servicebus.broker.rules.message_properties import MessageProperties
from local.emulators.servicebus.broker.rules.sql_expression import Expression, SqlParser


class Filter(Protocol):
    def matches(self, message: MessageProperties) -> bool: ...


class SqlFilter:
    """Raises RuleError if the text is not a predicate."""

    def __init__(self, sql: str, parameters: dict[str, Any] | None = None) -> None:
        self.sql = sql
        self.parameters = dict(parameters or {})
        parser = SqlParser(sql, parameters)
        self._predicate: Expression = parser.predicate()
        if parser.next.kind != "end":
            raise parser.error("an operator")

    def __repr__(self) -> str:
        return f"<SqlFilter {self.sql}>"

    def matches(self, message: MessageProperties) -> bool:
        return self._predicate(message) is True


@dataclass(frozen=True, slots=True)
class ConstantFilter:
    """Every message, or none."""

    value: bool

    def matches(self, message: MessageProperties) -> bool:  # noqa: ARG002 - a filter's signature
        return self.value


@dataclass(frozen=True, slots=True)
class CorrelationFilter:
    """All named properties must be equal. `system` has the names of SYSTEM_PROPERTIES."""

    system: dict[str, Any] = field(default_factory=dict)
    user: dict[str, Any] = field(default_factory=dict)

    def matches(self, message: MessageProperties) -> bool:
        return all(
            message.get_system(name) == value for name, value in self.system.items()
        ) and all(message.get_user(name) == value for name, value in self.user.items())
