"""Reads the rules of subscriptions from Config.json."""

from __future__ import annotations

import json
from typing import Any

from local.emulators.servicebus.broker.errors import RuleError
from local.emulators.servicebus.broker.rules.filters import (
    ConstantFilter,
    CorrelationFilter,
    Filter,
    SqlFilter,
)
from local.emulators.servicebus.broker.rules.message_properties import system_name
from local.emulators.servicebus.broker.rules.rule import Rule, SqlAction
from local.emulators.servicebus.config_values import ConfigError, member, optional


def read(entry: Any) -> Rule:
    """Raises ConfigError."""
    name = member(entry, "a rule", "Name", str)
    where = f"rule {name!r}"
    properties = optional(entry, where, "Properties", dict) or {}
    try:
        return Rule(name, _filter(properties, where), _action(properties, where))
    except RuleError as error:
        raise ConfigError(f"{where}: {error}") from error


def _filter(properties: Any, where: str) -> Filter:
    kind = optional(properties, where, "FilterType", str) or "True"
    match kind.casefold():
        case "sql" | "sqlfilter":
            fields = member(properties, where, "SqlFilter", dict)
            return SqlFilter(member(fields, f"SqlFilter of {where}", "SqlExpression", str))
        case "correlation" | "correlationfilter":
            return _correlation(member(properties, where, "CorrelationFilter", dict), where)
        case "true" | "truefilter":
            return ConstantFilter(True)
        case "false" | "falsefilter":
            return ConstantFilter(False)
    raise ConfigError(
        f"FilterType of {where} is {json.dumps(kind)}, expected Sql, Correlation, True or False."
    )


def _correlation(fields: dict[str, Any], where: str) -> CorrelationFilter:
    user = optional(fields, f"CorrelationFilter of {where}", "Properties", dict) or {}
    system = {}
    for key, value in fields.items():
        if key == "Properties":
            continue
        name = system_name(key)
        if name is None:
            raise ConfigError(f"CorrelationFilter of {where} has the unknown property {key!r}.")
        system[name] = value
    return CorrelationFilter(system, user)


def _action(properties: Any, where: str) -> SqlAction | None:
    fields = optional(properties, where, "Action", dict)
    if not fields:
        return None
    return SqlAction(member(fields, f"Action of {where}", "SqlExpression", str))
