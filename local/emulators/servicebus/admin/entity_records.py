"""Converts entities that were made at run time to the JSON that the store keeps, and back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from xml.etree import ElementTree as ET

from local.emulators.servicebus.admin import rule_xml
from local.emulators.servicebus.admin.descriptions import KINDS, Kind
from local.emulators.servicebus.broker.rules.rule import Rule

#: The store does not keep when a rule was made.
_UNKNOWN_TIME_MS = 0


def write(kind: Kind, properties: Mapping[str, str], rules: Iterable[Rule]) -> str:
    written = [
        ET.tostring(rule_xml.write(rule, _UNKNOWN_TIME_MS), encoding="unicode") for rule in rules
    ]
    return json.dumps({"kind": kind.name, "properties": dict(properties), "rules": written})


def read(record: str) -> tuple[Kind, dict[str, str], list[Rule]]:
    document = json.loads(record)
    rules = [rule_xml.read(ET.fromstring(each)) for each in document["rules"]]  # noqa: S314 - ours
    return KINDS[document["kind"]], document["properties"], rules
