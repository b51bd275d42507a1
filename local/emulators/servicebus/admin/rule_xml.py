"""Converts rules to their XML description and back."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as ET

from local.emulators.servicebus.admin.atom import INSTANCE, SCHEMA, local_name, tag, time_text
from local.emulators.servicebus.admin.errors import BadRequest
from local.emulators.servicebus.broker.errors import RuleError
from local.emulators.servicebus.broker.rules.filters import (
    ConstantFilter,
    CorrelationFilter,
    Filter,
    SqlFilter,
)
from local.emulators.servicebus.broker.rules.message_properties import SYSTEM_PROPERTIES
from local.emulators.servicebus.broker.rules.rule import DEFAULT_RULE, Rule, SqlAction

DESCRIPTION = "RuleDescription"
_TYPE = tag("type", INSTANCE)
_MAX_INT32 = 2**31 - 1


class TypedText(str):
    """A value of an XML type that filters do not calculate with: a time or a duration."""

    __slots__ = ("kind",)
    kind: str


def read(description: ET.Element, name: str | None = None) -> Rule:
    """Raises BadRequest."""
    parts = {local_name(element): element for element in description}
    name = name or (parts["Name"].text if "Name" in parts else None) or DEFAULT_RULE
    try:
        return Rule(name, _read_filter(parts.get("Filter")), _read_action(parts.get("Action")))
    except RuleError as error:
        raise BadRequest(str(error)) from error


def write(rule: Rule, now_ms: int, element: str = DESCRIPTION) -> ET.Element:
    description = ET.Element(tag(element))
    description.append(_write_filter(rule.filter))
    description.append(_write_action(rule.action))
    ET.SubElement(description, tag("CreatedAt")).text = time_text(now_ms)
    ET.SubElement(description, tag("Name")).text = rule.name
    return description


def _read_filter(element: ET.Element | None) -> Filter:
    if element is None:
        return ConstantFilter(True)
    kind = element.get(_TYPE, "").rpartition(":")[2]
    if kind == "SqlFilter":
        return SqlFilter(_field(element, "SqlExpression") or "", _values(element, "Parameters"))
    if kind == "CorrelationFilter":
        system = {name: _field(element, name) for name in SYSTEM_PROPERTIES}
        return CorrelationFilter(
            {name: value for name, value in system.items() if value is not None},
            _values(element, "Properties"),
        )
    if kind in {"TrueFilter", "FalseFilter"}:
        return ConstantFilter(kind == "TrueFilter")
    raise BadRequest(f"The filter has the unknown type {kind!r}.")


def _read_action(element: ET.Element | None) -> SqlAction | None:
    if element is None or not element.get(_TYPE, "").endswith("SqlRuleAction"):
        return None
    return SqlAction(_field(element, "SqlExpression") or "", _values(element, "Parameters"))


def _field(element: ET.Element, name: str) -> str | None:
    found = element.find(tag(name))
    return None if found is None else found.text


def _values(element: ET.Element, name: str) -> dict[str, Any]:
    """A map of texts to values of any type."""
    holder = element.find(tag(name))
    values = {}
    for pair in () if holder is None else holder:
        value = pair.find(tag("Value"))
        if value is not None:
            kind = value.get(_TYPE, "").rpartition(":")[2]
            values[_field(pair, "Key") or ""] = _value(kind, value.text or "")
    return values


def _value(kind: str, text: str) -> Any:
    try:
        if kind in {"int", "long", "short", "byte"}:
            return int(text)
        if kind in {"double", "float", "decimal"}:
            return float(text)
    except ValueError as error:
        raise BadRequest(f"{text!r} is not a value of the type {kind}.") from error
    if kind == "boolean":
        return text == "true"
    if kind in {"", "string"}:
        return text
    typed = TypedText(text)
    typed.kind = kind
    return typed


def _write_filter(rule_filter: Filter) -> ET.Element:
    element = ET.Element(tag("Filter"))
    match rule_filter:
        case SqlFilter():
            _write_sql(element, "SqlFilter", rule_filter.sql, rule_filter.parameters)
        case CorrelationFilter():
            element.set(_TYPE, "CorrelationFilter")
            for name, value in rule_filter.system.items():
                ET.SubElement(element, tag(name)).text = str(value)
            _write_values(element, "Properties", rule_filter.user)
        case ConstantFilter(value=True):
            _write_sql(element, "TrueFilter", "1=1", {})
        case _:
            _write_sql(element, "FalseFilter", "1=0", {})
    return element


def _write_action(action: SqlAction | None) -> ET.Element:
    element = ET.Element(tag("Action"))
    if action is None:
        element.set(_TYPE, "EmptyRuleAction")
    else:
        _write_sql(element, "SqlRuleAction", action.sql, action.parameters)
    return element


def _write_sql(element: ET.Element, kind: str, sql: str, parameters: dict[str, Any]) -> None:
    element.set(_TYPE, kind)
    ET.SubElement(element, tag("SqlExpression")).text = sql
    ET.SubElement(element, tag("CompatibilityLevel")).text = "20"
    _write_values(element, "Parameters", parameters)


def _write_values(element: ET.Element, name: str, values: dict[str, Any]) -> None:
    holder = ET.SubElement(element, tag(name))
    for key, value in values.items():
        pair = ET.SubElement(holder, tag("KeyValueOfstringanyType"))
        ET.SubElement(pair, tag("Key")).text = key
        kind, text = _type_and_text(value)
        written = ET.SubElement(pair, tag("Value"), {_TYPE: f"d6p1:{kind}", "xmlns:d6p1": SCHEMA})
        written.text = text


def _type_and_text(value: Any) -> tuple[str, str]:
    match value:
        case TypedText():
            return value.kind, str(value)
        case bool():
            return "boolean", str(value).lower()
        case int():
            return ("int" if abs(value) <= _MAX_INT32 else "long"), str(value)
        case float():
            return "double", repr(value)
    return "string", str(value)
