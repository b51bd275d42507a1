"""The rule managers of .NET, Java and JavaScript: requests to a subscription's `$management`."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from local.emulators.servicebus.admin import atom
from local.emulators.servicebus.admin.entity_entries import describe_entity, describe_rule
from local.emulators.servicebus.amqp.values import Described, Int, Value
from local.emulators.servicebus.broker.rules.message_properties import MessageProperties
from local.emulators.servicebus.broker.topic import Subscription
from local.emulators.servicebus.management import ManagementNode
from local.emulators.servicebus.request_response import Reply, Request
from tests.local.emulators.servicebus_in_process import InProcess, serving

ALL = {"skip": Int(0), "top": Int(100)}
TOPIC = {"Name": "events", "Subscriptions": [{"Name": "all"}]}


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[InProcess]:
    async with serving(tmp_path, {"q": {}}, [TOPIC]) as found:
        yield found


@pytest.fixture
def subscription(running: InProcess) -> Subscription:
    found = running.server.namespace.find("events/Subscriptions/all")
    assert isinstance(found, Subscription)
    return found


@pytest.fixture
def node(running: InProcess, subscription: Subscription) -> ManagementNode:
    return ManagementNode(subscription, running.server.administration, lambda: 0)


def ask(node: ManagementNode, operation: str, body: dict[Value, Value]) -> Reply:
    return node.handle(Request(f"com.microsoft:{operation}", {}, body))


def add(node: ManagementNode, name: str, **description: Any) -> Reply:
    words: dict[Value, Value] = {key.replace("_", "-"): value for key, value in description.items()}
    return ask(node, "add-rule", {"rule-name": name, "rule-description": words})


def rules(node: ManagementNode) -> list[list[Value]]:
    """The fields of each rule: filter, action, name."""
    reply = ask(node, "enumerate-rules", dict(ALL))
    return [entry["rule-description"].value for entry in reply.body["rules"]]


def test_the_default_rule_is_listed_and_removed(node: ManagementNode) -> None:
    ((true_filter, no_action, name),) = rules(node)
    assert (true_filter, name) == (Described(0x1370000007, []), "$Default")
    assert no_action == Described(0x13700000005, [])
    assert ask(node, "remove-rule", {"rule-name": "$default"}).status == 200
    assert ask(node, "enumerate-rules", dict(ALL)).status == 204


def test_a_rule_that_is_added_filters_and_is_kept(
    node: ManagementNode, subscription: Subscription
) -> None:
    action = {"expression": "SET seen = 1"}
    assert (
        add(node, "sql", sql_filter={"expression": "n > 1"}, sql_rule_action=action).status == 200
    )
    rule = subscription.rules["sql"]
    assert rule.filter.matches(MessageProperties({"n": 2}))
    assert not rule.filter.matches(MessageProperties({"n": 1}))
    described = rules(node)[-1]
    assert described[0] == Described(0x1370000006, ["n > 1", 20])
    assert described[1] == Described(0x13700000006, ["SET seen = 1", 20])


def test_a_correlation_filter_has_nine_fields(node: ManagementNode) -> None:
    fields = {"label": "now", "correlation-id": None, "properties": {"k": "v"}}
    assert add(node, "c", correlation_filter=fields).status == 200
    (described, *_), (found, *_) = rules(node)
    assert described.descriptor != found.descriptor == 0x1370000009
    assert found.value == [None, None, None, None, "now", None, None, None, {"k": "v"}]


@pytest.mark.parametrize(
    ("operation", "body", "status", "condition"),
    [
        (
            "add-rule",
            {"rule-name": "$Default", "rule-description": {}},
            409,
            "com.microsoft:entity-already-exists",
        ),
        ("remove-rule", {"rule-name": "nothing"}, 404, "amqp:not-found"),
        (
            "add-rule",
            {"rule-name": "r", "rule-description": {"sql-filter": {"expression": "n >"}}},
            400,
            "com.microsoft:argument-error",
        ),
        ("add-rule", {"rule-name": "r"}, 400, "com.microsoft:argument-error"),
    ],
)
def test_a_request_that_cannot_be_done_is_refused(
    node: ManagementNode, operation: str, body: dict[Value, Value], status: int, condition: str
) -> None:
    reply = ask(node, operation, body)
    assert (reply.status, reply.condition) == (status, condition)


async def test_a_queue_has_no_rules(running: InProcess) -> None:
    queue = running.server.namespace.find("q")
    assert queue is not None
    node = ManagementNode(queue, running.server.administration, lambda: 0)
    assert ask(node, "enumerate-rules", dict(ALL)).status == 501


async def test_elements_have_the_names_that_the_service_writes(
    running: InProcess, subscription: Subscription
) -> None:
    """The JavaScript SDK reads names with their prefixes, whatever they stand for."""
    now_ms = time.time_ns() // 1_000_000
    queue = running.server.namespace.find("q")
    assert queue is not None
    written = atom.write_entry(describe_entity(queue, "http://h", now_ms), now_ms).decode()
    service_bus, instance = f'xmlns="{atom.SERVICE_BUS}"', f'xmlns:i="{atom.INSTANCE}"'
    assert f"<QueueDescription {service_bus} {instance}><DefaultMessageTimeToLive>" in written
    assert f'<CountDetails xmlns:d2p1="{atom.COUNTS}"><d2p1:ActiveMessageCount>0<' in written
    (rule,) = subscription.rules.values()
    written = atom.write_entry(describe_rule(rule, "http://h/r", now_ms), now_ms).decode()
    assert '<Filter i:type="TrueFilter"><SqlExpression>1=1<' in written
