"""The requests about rules that a subscription's `$management` node answers.

The rule managers of .NET, Java and JavaScript send them; Python's SDK uses the administration API.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from local.emulators.servicebus.admin.administration import Administration
from local.emulators.servicebus.admin.errors import AdminError
from local.emulators.servicebus.amqp.errors import NOT_ALLOWED, NOT_FOUND, AmqpError
from local.emulators.servicebus.amqp.values import Described, Int, ULong, Value
from local.emulators.servicebus.broker.errors import RuleError
from local.emulators.servicebus.broker.rules.filters import (
    ConstantFilter,
    CorrelationFilter,
    Filter,
    SqlFilter,
)
from local.emulators.servicebus.broker.rules.rule import Rule, SqlAction
from local.emulators.servicebus.request_body import get
from local.emulators.servicebus.request_response import Reply

#: Descriptor codes of Service Bus.
_RULE, _NO_ACTION, _SQL_ACTION = (ULong(0x137_0000_0004 + n) for n in range(3))
_SQL, _TRUE, _FALSE, _CORRELATION = (ULong(0x13_7000_0006 + n) for n in range(4))

#: The fields of a correlation filter: on the wire, and as SYSTEM_PROPERTIES has them, in order.
_CORRELATED = {
    "correlation-id": "CorrelationId",
    "message-id": "MessageId",
    "to": "To",
    "reply-to": "ReplyTo",
    "label": "Label",
    "session-id": "SessionId",
    "reply-to-session-id": "ReplyToSessionId",
    "content-type": "ContentType",
}
_COMPATIBILITY = Int(20)
_CONDITIONS = {404: str(NOT_FOUND), 409: "com.microsoft:entity-already-exists"}


class RuleManagement:
    """`operations` maps their names to handlers, which raise AmqpError."""

    def __init__(self, administration: Administration, path: str) -> None:
        self._administration = administration
        self._path = path
        self.operations: dict[str, Callable[[dict[Value, Value]], Reply]] = {
            "add-rule": self._add,
            "remove-rule": self._remove,
            "enumerate-rules": self._list,
        }

    def __repr__(self) -> str:
        return f"<RuleManagement of {self._path}>"

    def _add(self, body: dict[Value, Value]) -> Reply:
        description = get(body, "rule-description", dict)
        try:
            rule = Rule(
                get(body, "rule-name", str), _read_filter(description), _read_action(description)
            )
            self._administration.add_rule(self._path, rule)
        except RuleError as error:
            raise AmqpError(NOT_ALLOWED, str(error)) from error
        except AdminError as error:
            return _refusal(error)
        return Reply(200)

    def _remove(self, body: dict[Value, Value]) -> Reply:
        try:
            self._administration.delete_rule(self._path, get(body, "rule-name", str))
        except AdminError as error:
            return _refusal(error)
        return Reply(200)

    def _list(self, body: dict[Value, Value]) -> Reply:
        skip, top = get(body, "skip", int), get(body, "top", int)
        rules = list(self._administration.get_subscription(self._path).rules.values())
        page = rules[skip : skip + top]
        if not page:
            return Reply(204, "No rules")
        return Reply(200, body={"rules": [{"rule-description": _write(rule)} for rule in page]})


def _refusal(error: AdminError) -> Reply:
    condition = _CONDITIONS.get(error.status, "com.microsoft:argument-error")
    return Reply(error.status, str(error), condition=condition)


def _read_filter(description: dict[Value, Value]) -> Filter:
    """Raises RuleError and AmqpError."""
    if description.get("sql-filter") is not None:
        return SqlFilter(get(get(description, "sql-filter", dict), "expression", str))
    if description.get("correlation-filter") is None:
        return ConstantFilter(True)
    fields = get(description, "correlation-filter", dict)
    system = {name: fields[key] for key, name in _CORRELATED.items() if fields.get(key) is not None}
    return CorrelationFilter(system, dict(fields.get("properties") or {}))


def _read_action(description: dict[Value, Value]) -> SqlAction | None:
    """Raises RuleError and AmqpError."""
    fields: Any = description.get("sql-rule-action")
    return SqlAction(get(fields, "expression", str)) if fields else None


def _write(rule: Rule) -> Described:
    action = (
        Described(_NO_ACTION, [])
        if rule.action is None
        else Described(_SQL_ACTION, [rule.action.sql, _COMPATIBILITY])
    )
    return Described(_RULE, [_write_filter(rule.filter), action, rule.name])


def _write_filter(rule_filter: Filter) -> Described:
    match rule_filter:
        case SqlFilter():
            return Described(_SQL, [rule_filter.sql, _COMPATIBILITY])
        case CorrelationFilter():
            system = [rule_filter.system.get(name) for name in _CORRELATED.values()]
            return Described(_CORRELATION, [*system, rule_filter.user])
        case ConstantFilter(value=True):
            return Described(_TRUE, [])
    return Described(_FALSE, [])
