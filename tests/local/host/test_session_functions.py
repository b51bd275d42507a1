"""Functions of sessions and topics over the emulator, with Microsoft's SDK as their client."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from azure.servicebus import ServiceBusClient, ServiceBusMessage, ServiceBusReceiver

from tests.servers import BrokerProcess, HostProcess, StartHost

APP = Path(__file__).parent / "apps" / "sessions"

pytestmark = pytest.mark.usefixtures("host")


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerProcess]:
    with BrokerProcess(tmp_path_factory.mktemp("broker"), APP / "queues.json") as server:
        yield server


@pytest.fixture(scope="module")
def host(start_host: StartHost, broker: BrokerProcess) -> HostProcess:
    return start_host(APP, {"Bus": broker.connection_string})


@pytest.fixture(scope="module")
def bus(broker: BrokerProcess) -> Iterator[ServiceBusClient]:
    with ServiceBusClient.from_connection_string(broker.connection_string) as client:
        yield client


def message(n: int, session: str, amount: int = 2000, **asks: Any) -> ServiceBusMessage:
    return ServiceBusMessage(
        json.dumps({"n": n, **asks}), session_id=session, application_properties={"amount": amount}
    )


def send(bus: ServiceBusClient, *messages: ServiceBusMessage) -> None:
    with bus.get_queue_sender("ordered") as sender:
        for each in messages:
            sender.send_messages(each)


def publish(bus: ServiceBusClient, *messages: ServiceBusMessage) -> None:
    with bus.get_topic_sender("events") as sender:
        sender.send_messages(list(messages))


def take(receiver: ServiceBusReceiver, count: int) -> list[dict[str, Any]]:
    """The next `count` documents, oldest first."""
    found: list[dict[str, Any]] = []
    with receiver:
        while len(found) < count:
            messages = receiver.receive_messages(count - len(found), max_wait_time=15)
            assert messages, f"only {found}"
            for each in messages:
                found.append(json.loads(str(each)))
                receiver.complete_message(each)
    return found


def results(bus: ServiceBusClient, count: int) -> dict[str, list[dict[str, Any]]]:
    """What the function of sessions sent to its topic, by session."""
    by_session = defaultdict(list)
    for each in take(bus.get_subscription_receiver("results", "all"), count):
        by_session[each["session"]].append(each)
    return by_session


def test_three_sessions_are_served_at_once_and_each_in_order(bus: ServiceBusClient) -> None:
    send(bus, *(message(n, s, sleeps=0.2) for n in range(4) for s in ("a", "b", "c")))
    done = results(bus, 12)
    assert set(done) == {"a", "b", "c"}
    for each in done.values():
        assert [document["n"] for document in each] == [0, 1, 2, 3]
        assert all(before["ended"] <= after["begun"] for before, after in pairwise(each))
    spans = [(each[0]["begun"], each[-1]["ended"]) for each in done.values()]
    assert max(begun for begun, _ in spans) < min(ended for _, ended in spans)


def test_a_message_that_fails_is_delivered_again_before_the_next_one(bus: ServiceBusClient) -> None:
    send(bus, message(1, "f", fails=2), message(2, "f"), message(3, "f", fails=1))
    done = results(bus, 3)["f"]
    assert [(each["n"], each["delivery_count"]) for each in done] == [(1, 3), (2, 1), (3, 2)]


def test_idle_sessions_make_room_for_others(bus: ServiceBusClient) -> None:
    send(bus, *(message(1, f"many-{number}") for number in range(8)))
    assert len(results(bus, 8)) == 8


@pytest.mark.long
def test_the_lock_of_a_session_is_renewed_while_its_function_runs(bus: ServiceBusClient) -> None:
    send(bus, message(1, "slow", sleeps=8), message(2, "slow"))
    done = results(bus, 2)["slow"]
    assert [(each["n"], each["delivery_count"]) for each in done] == [(1, 1), (2, 1)]


def test_a_subscription_gets_what_its_filter_lets_pass_in_batches_of_one_session(
    bus: ServiceBusClient,
) -> None:
    publish(
        bus,
        *(message(n, "x", fails=n == 1) for n in range(5)),
        message(5, "x", amount=10),
        message(0, "y"),
    )
    done = take(bus.get_queue_receiver("seen"), 6)
    assert [each["n"] for each in done if each["session"] == "x"] == [0, 1, 2, 3, 4]
    assert [each["n"] for each in done if each["session"] == "y"] == [0]
    assert max(each["together"] for each in done) > 1
    assert len(take(bus.get_queue_receiver("plain"), 7)) == 7
