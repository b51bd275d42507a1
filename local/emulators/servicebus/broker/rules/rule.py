"""A rule: a filter, and an action that changes the messages that match it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from local.emulators.servicebus.broker.errors import RuleError
from local.emulators.servicebus.broker.rules.filters import ConstantFilter, Filter
from local.emulators.servicebus.broker.rules.message_properties import (
    CHANGEABLE,
    MessageProperties,
)
from local.emulators.servicebus.broker.rules.sql_expression import SqlParser

DEFAULT_RULE = "$Default"


class SqlAction:
    """`SET property = expression` and `REMOVE property` statements. Raises RuleError."""

    def __init__(self, sql: str, parameters: dict[str, Any] | None = None) -> None:
        self.sql = sql
        self.parameters = dict(parameters or {})
        self._statements = list[Callable[[MessageProperties], None]]()
        parser = SqlParser(sql, parameters)
        while parser.next.kind != "end":
            self._statements.append(_statement(parser))
            while parser.accept_sign(";"):
                pass

    def __repr__(self) -> str:
        return f"<SqlAction {self.sql}>"

    def apply(self, message: MessageProperties) -> MessageProperties:
        """The changed properties. Later statements see what earlier ones changed."""
        changed = message.copy()
        for statement in self._statements:
            statement(changed)
        return changed


@dataclass(frozen=True, slots=True)
class Rule:
    name: str = DEFAULT_RULE
    filter: Filter = field(default_factory=lambda: ConstantFilter(True))
    action: SqlAction | None = None


def _statement(parser: SqlParser) -> Callable[[MessageProperties], None]:
    verb = parser.accept_word("SET", "REMOVE")
    if verb is None:
        raise parser.error("SET or REMOVE")
    is_system, name = parser.property_name()
    if is_system and name not in CHANGEABLE:
        raise RuleError(f"An action cannot change the system property {name}.")
    if verb == "REMOVE":
        return lambda message: _put(message, is_system, name, None)
    parser.require("=")
    value = parser.expression()
    return lambda message: _put(message, is_system, name, value(message))


def _put(message: MessageProperties, is_system: bool, name: str, value: Any) -> None:
    properties = message.system if is_system else message.user
    known = next((key for key in properties if key.casefold() == name.casefold()), name)
    if value is None:
        properties.pop(known, None)
    else:
        properties[known] = value
