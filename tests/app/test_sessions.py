"""The app with sessions and topics: ordered scoring of several customers at a time."""

from __future__ import annotations

import gc
import json
import os
import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from azure.servicebus import ServiceBusClient, ServiceBusMessage, ServiceBusSubQueue
from azure.servicebus.exceptions import ServiceBusError
from azure.servicebus.management import ServiceBusAdministrationClient, SqlRuleFilter

from deploy.connections import service_bus_administration
from tests.inbox import Inbox
from tests.running_app import App
from tests.waiting import eventually

pytestmark = [
    pytest.mark.long,
    # The SDK does not close the sockets of a killed broker; the garbage collector does.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    # The SDK's administration client asks an XML element whether it is true.
    pytest.mark.filterwarnings("ignore:Testing an element's truth value:DeprecationWarning"),
]

CUSTOMERS = ("ada", "bo", "cy")
KILLS = int(os.environ.get("TRISCORE_KILLS", "10"))

QUEUE = {"IS_SESSIONS_ENABLED": "true"}
TOPICS = {
    **QUEUE,
    "INPUT_TOPIC_NAME": "orders",
    "INPUT_SUBSCRIPTION_NAME": "scoring",
    "OUTPUT_TOPIC_NAME": "scored",
}
SETTLEMENTS = ("batch", "message")


@pytest.fixture(autouse=True)
def sockets_collected() -> Iterator[None]:
    """Collect the sockets here, so that no other test gets their warnings."""
    yield
    gc.collect()


def results_of(settings: dict[str, str]) -> str:
    return "scored/Subscriptions/all" if "OUTPUT_TOPIC_NAME" in settings else "scoring-results"


@pytest.fixture(scope="module", params=SETTLEMENTS)
def app(request: pytest.FixtureRequest, make_app: Callable[..., App]) -> App:
    return make_app(TRIGGERS="http,servicebus", MESSAGE_SETTLEMENT=request.param, **QUEUE)


@pytest.fixture(scope="module", params=SETTLEMENTS)
def subscribed(request: pytest.FixtureRequest, make_app: Callable[..., App]) -> App:
    return make_app(TRIGGERS="http,servicebus", MESSAGE_SETTLEMENT=request.param, **TOPICS)


@pytest.fixture
def inbox(request: pytest.FixtureRequest) -> Iterator[Inbox]:
    (name,) = {"app", "subscribed"} & set(request.fixturenames)
    running: App = request.getfixturevalue(name)
    found = Inbox(running.servicebus.connection_string, results_of(running.env))
    yield found
    found.close()


def order(n: int, customer: str, **properties: Any) -> ServiceBusMessage:
    """Its row's prediction is 1 for odd numbers, 0 for even ones."""
    named: dict[str | bytes, Any] = dict(properties.items())
    row = [0.9, 0.9, 0.9] if n % 2 else [0.1, 0.1, 0.1]
    return ServiceBusMessage(
        json.dumps([row]),
        message_id=f"{customer}-{n}",
        session_id=customer,
        application_properties=named,
    )


def numbers(inbox: Inbox) -> dict[str, list[int]]:
    """The numbers of each customer's documents, in order; of each, the first one."""
    found: dict[str, dict[int, None]] = defaultdict(dict)
    for document in inbox.documents:
        customer, _, n = document["id"].rpartition("-")
        assert document["session_id"] == customer
        assert document["result"] == [int(n) % 2]
        found[customer].setdefault(int(n))
    return {customer: list(each) for customer, each in found.items()}


def test_each_customers_messages_are_scored_in_order(app: App, inbox: Inbox) -> None:
    app.send(*(order(n, customer) for n in range(20) for customer in CUSTOMERS))
    eventually(lambda: len(inbox) >= 60, 60)
    assert numbers(inbox) == {customer: list(range(20)) for customer in CUSTOMERS}


def test_a_poison_message_does_not_stop_its_session(app: App, inbox: Inbox) -> None:
    poison = ServiceBusMessage(b"{", message_id="poison", session_id="ada")
    app.send(order(1, "ada"), poison, order(2, "ada"))
    documents = inbox.of("ada-1", "poison", "ada-2")
    assert [each["status"] for each in documents] == ["succeeded", "failed", "succeeded"]
    assert [each["id"] for each in inbox.documents] == ["ada-1", "poison", "ada-2"]
    if app.env["MESSAGE_SETTLEMENT"] == "message":
        with (
            ServiceBusClient.from_connection_string(app.servicebus.connection_string) as client,
            client.get_queue_receiver(
                "scoring-requests", sub_queue=ServiceBusSubQueue.DEAD_LETTER
            ) as receiver,
        ):
            (dead,) = receiver.receive_messages(1, max_wait_time=10)
            assert (dead.message_id, dead.session_id) == ("poison", "ada")
            receiver.complete_message(dead)


@pytest.mark.parametrize("headers", [{}, {"x_session_id": "ada"}])
def test_a_request_that_waits_is_answered_too(app: App, headers: dict[str, str]) -> None:
    accepted = app.post(b"[[0.9, 0.9, 0.9]]", Prefer="respond-async", **headers)
    assert accepted.status == 202
    location = accepted.headers["Location"]
    eventually(lambda: app.get(location).status == 200)
    assert app.get(location).json()["result"] == [1]


def test_a_filter_decides_what_is_scored_and_a_topic_gets_the_results(
    subscribed: App, inbox: Inbox
) -> None:
    admin: ServiceBusAdministrationClient
    bus = {"Bus": subscribed.servicebus.connection_string}
    with service_bus_administration(bus, "Bus") as admin:
        admin.create_rule(
            "orders", "scoring", "large", filter=SqlRuleFilter("amount > 1000 OR amount IS NULL")
        )
        admin.delete_rule("orders", "scoring", "$Default")
    with (
        ServiceBusClient.from_connection_string(bus["Bus"]) as client,
        client.get_topic_sender("orders") as sender,
    ):
        sender.send_messages(
            [order(n, each, amount=999 + n) for n in range(6) for each in CUSTOMERS]
        )
    eventually(lambda: len(inbox) >= 12, 60)
    accepted = subscribed.post(b"[[0.9, 0.9, 0.9]]", Prefer="respond-async")
    eventually(lambda: subscribed.get(accepted.headers["Location"]).status == 200)
    eventually(lambda: len(inbox) >= 13)
    of_messages = [each for each in inbox.documents if each["source"] == "servicebus"]
    assert {each["id"] for each in of_messages} == {
        f"{customer}-{n}" for n in range(2, 6) for customer in CUSTOMERS
    }


class Orders:
    """Sends numbered messages of each customer, each until it is acknowledged."""

    def __init__(self, app: App) -> None:
        self._app = app
        self.sent = 0
        self.ends = threading.Event()
        self._thread = threading.Thread(target=self._send, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self.ends.set()
        self._thread.join(60)
        assert not self._thread.is_alive()

    def _send(self) -> None:
        connection = self._app.servicebus.connection_string
        while not self.ends.is_set():
            try:
                with (
                    ServiceBusClient.from_connection_string(connection, retry_total=0) as client,
                    client.get_topic_sender("orders", socket_timeout=2) as sender,
                ):
                    while not self.ends.is_set():
                        for customer in CUSTOMERS:
                            sender.send_messages(order(self.sent, customer), timeout=3)
                        self.sent += 1
                        time.sleep(0.02)
            except (ServiceBusError, ValueError, OSError):
                time.sleep(0.1)


@pytest.mark.parametrize("settlement", SETTLEMENTS)
@pytest.mark.timeout(600)
def test_kills_of_host_and_broker_lose_nothing_and_keep_each_sessions_order(
    make_app: Callable[..., App], settlement: str
) -> None:
    app = make_app(TRIGGERS="http,servicebus", MESSAGE_SETTLEMENT=settlement, **TOPICS)
    inbox = Inbox(app.servicebus.connection_string, results_of(TOPICS))
    orders = Orders(app)
    chosen = random.Random()
    for number in range(KILLS):
        time.sleep(chosen.uniform(0.5, 2))
        if number % 2:
            app.servicebus.kill()
            app.servicebus.start()
        else:
            app.host.kill()
            app.start_host()
    orders.stop()
    assert orders.sent > KILLS
    expected = {customer: list(range(orders.sent)) for customer in CUSTOMERS}

    def all_there() -> bool:
        found = numbers(inbox)
        return all(set(expected[each]) <= set(found.get(each, ())) for each in CUSTOMERS)

    try:
        eventually(all_there, 120)
    finally:
        inbox.close()
    for customer, found in numbers(inbox).items():
        assert found == sorted(found), customer
