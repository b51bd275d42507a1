"""Topics, subscriptions, rules and forwarding, through Microsoft's own SDK."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from azure.servicebus import ServiceBusMessage, ServiceBusReceiveMode, ServiceBusSubQueue
from azure.servicebus.exceptions import ServiceBusError

from tests.local.emulators.servicebus_process import running

#: Each sender and receiver takes a second to close.
pytestmark = pytest.mark.long


def _sql(name, expression, action=None):
    properties = {"FilterType": "Sql", "SqlFilter": {"SqlExpression": expression}}
    if action:
        properties["Action"] = {"SqlExpression": action}
    return {"Name": name, "Properties": properties}


CORRELATION = {"FilterType": "Correlation", "CorrelationFilter": {"Label": "order"}}
BY_SIZE = {
    "FilterType": "Correlation",
    "CorrelationFilter": {"Properties": {"size": 3}},
}
SUBSCRIPTIONS = [
    {"Name": "all"},
    {"Name": "red", "Rules": [_sql("red", "color = 'red' AND size >= 2")]},
    {"Name": "orders", "Rules": [{"Name": "label", "Properties": CORRELATION}]},
    {"Name": "three", "Rules": [{"Name": "size", "Properties": BY_SIZE}]},
    {
        "Name": "changed",
        "Rules": [_sql("c", "color = 'red'", "SET sys.Label = 'new'; SET seen = size + 1")],
    },
    {"Name": "moving", "Properties": {"ForwardTo": "collected"}},
]
TOPICS = [
    {"Name": "events", "Subscriptions": SUBSCRIPTIONS},
    {"Name": "later", "Subscriptions": [{"Name": "all"}]},
]
QUEUES = {
    "collected": {},
    "first": {"ForwardTo": "second"},
    "second": {},
    "poisoned": {"ForwardDeadLetteredMessagesTo": "second", "MaxDeliveryCount": 1},
    "lost": {"ForwardTo": "nowhere"},
    "loop": {"ForwardTo": "pool"},
    "pool": {"ForwardTo": "loop"},
}


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    folder = tmp_path_factory.mktemp("topics")
    with running(folder, QUEUES, TOPICS) as emulator, emulator.client() as client:
        yield client


@pytest.fixture(scope="module")
def take(client):
    """Receives and deletes from a queue, or from a subscription of `events`."""
    receivers = {}

    def take(amount, queue=None, subscription=None, topic="events", sub_queue=None):
        key = (queue, subscription, topic, sub_queue)
        if key not in receivers:
            mode = {"receive_mode": ServiceBusReceiveMode.RECEIVE_AND_DELETE}
            receivers[key] = (
                client.get_queue_receiver(queue, sub_queue=sub_queue, **mode)
                if queue
                else client.get_subscription_receiver(topic, subscription, **mode)
            )
        got = []
        while len(got) < amount:
            more = receivers[key].receive_messages(amount - len(got), max_wait_time=5)
            assert more, f"{len(got)} of {amount} messages came"
            got += more
        return got

    return take


def test_each_subscription_gets_what_its_rules_match(client, take):
    with client.get_topic_sender("events") as sender:
        sender.send_messages(
            [
                ServiceBusMessage("1", application_properties={"color": "red", "size": 3}),
                ServiceBusMessage("2", application_properties={"color": "red", "size": 1}),
                ServiceBusMessage("3", subject="order", application_properties={"size": 3}),
            ]
        )
    assert [str(message) for message in take(3, subscription="all")] == ["1", "2", "3"]
    assert [str(message) for message in take(1, subscription="red")] == ["1"]
    assert [str(message) for message in take(1, subscription="orders")] == ["3"]
    assert [str(message) for message in take(2, subscription="three")] == ["1", "3"]
    first, second = take(2, subscription="changed")
    assert (first.subject, first.application_properties[b"seen"]) == ("new", 4)
    assert (str(second), second.application_properties[b"seen"]) == ("2", 2)
    moved = take(3, queue="collected")
    assert [str(message) for message in moved] == ["1", "2", "3"]
    assert [message.enqueued_sequence_number for message in moved] == [1, 2, 3]
    with client.get_subscription_receiver("events", "red") as receiver:
        assert receiver.peek_messages(10) == []


def test_a_scheduled_message_reaches_the_subscriptions_when_it_is_due(client, take):
    with client.get_topic_sender("later") as sender:
        due = datetime.now(UTC) + timedelta(seconds=0.5)
        (number,) = sender.schedule_messages([ServiceBusMessage("never")], due)
        sender.schedule_messages([ServiceBusMessage("soon")], due)
        sender.cancel_scheduled_messages(number)
    (message,) = take(1, topic="later", subscription="all")
    assert str(message) == "soon"
    assert message.enqueued_time_utc >= due - timedelta(milliseconds=2)


def test_a_queue_forwards_and_a_dead_letter_is_forwarded_with_its_reason(client, take):
    with client.get_queue_sender("first") as sender:
        sender.send_messages(ServiceBusMessage("moved"))
    assert [str(message) for message in take(1, queue="second")] == ["moved"]
    with client.get_queue_sender("poisoned") as sender:
        sender.send_messages(ServiceBusMessage("poison"))
    with client.get_queue_receiver("poisoned") as receiver:
        (message,) = receiver.receive_messages(1, max_wait_time=5)
        receiver.dead_letter_message(message, reason="bad", error_description="worse")
    (dead,) = take(1, queue="second")
    assert (dead.dead_letter_reason, dead.dead_letter_error_description) == ("bad", "worse")
    assert dead.dead_letter_source == "poisoned"


@pytest.mark.parametrize(
    ("queue", "holder", "reason"),
    [
        ("lost", "lost", "EntityNotFound"),
        ("loop", "loop", "MaxTransferHopCountExceeded"),
    ],
)
def test_what_cannot_be_forwarded_is_in_the_transfer_dead_letter_queue(
    client, take, queue, holder, reason
):
    with client.get_queue_sender(queue) as sender:
        sender.send_messages(ServiceBusMessage("stuck"))
    transfer = ServiceBusSubQueue.TRANSFER_DEAD_LETTER
    (message,) = take(1, queue=holder, sub_queue=transfer)
    assert message.dead_letter_reason == reason


@pytest.mark.parametrize(
    ("queue", "says"), [("events", "is a topic"), ("first", "forwards its messages to 'second'")]
)
def test_a_topic_and_a_forwarding_queue_cannot_be_received_from(client, queue, says):
    receiver = client.get_queue_receiver(queue)
    with pytest.raises(ServiceBusError, match=says):
        receiver.receive_messages(1, max_wait_time=1)


def test_a_subscription_cannot_be_sent_to(client):
    sender = client.get_queue_sender("events/Subscriptions/all")
    with pytest.raises(ServiceBusError, match="Nothing can be sent"):
        sender.send_messages(ServiceBusMessage("1"))
