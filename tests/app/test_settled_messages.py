"""MESSAGE_SETTLEMENT=message: each message is settled by itself, through the host's service."""

from __future__ import annotations

import json
from typing import Any

import pytest
from azure.servicebus import ServiceBusClient, ServiceBusMessage, ServiceBusSubQueue

from tests.running_app import App
from tests.waiting import eventually

pytestmark = pytest.mark.long

ROW = b"[[0.9, 0.9, 0.9]]"


@pytest.fixture(scope="module")
def app(make_app) -> App:
    app: App = make_app(MESSAGE_SETTLEMENT="message", TRIGGERS="http,servicebus")
    return app


def take(app: App, queue: str, count: int, **options: Any) -> list[Any]:
    with (
        ServiceBusClient.from_connection_string(app.servicebus.connection_string) as client,
        client.get_queue_receiver(queue, **options) as receiver,
    ):
        messages: list[Any] = []
        while len(messages) < count:
            more = receiver.receive_messages(count - len(messages), max_wait_time=30)
            assert more, app.host.log()
            for message in more:
                receiver.complete_message(message)
            messages += more
        return messages


def is_empty(app: App, queue: str) -> bool:
    """Also of locked messages."""
    with (
        ServiceBusClient.from_connection_string(app.servicebus.connection_string) as client,
        client.get_queue_receiver(queue) as receiver,
    ):
        return not receiver.peek_messages(1)


def test_a_poison_message_is_dead_lettered_alone_with_its_reason_and_answered(app: App) -> None:
    good = [ServiceBusMessage(ROW, message_id=f"m{n}", correlation_id=f"c{n}") for n in range(20)]
    app.send(*good[:10], ServiceBusMessage(b"{", message_id="poison"), *good[10:])
    results = {message.message_id: message for message in take(app, "scoring-results", 21)}
    documents = {json.loads(str(each))["id"]: json.loads(str(each)) for each in results.values()}
    assert {documents[f"m{n}"]["status"] for n in range(20)} == {"succeeded"}
    assert documents["poison"]["error"]["code"] == "malformed_input"
    ids = {json.loads(str(each))["id"]: each.correlation_id for each in results.values()}
    assert ids == {f"m{n}": f"c{n}" for n in range(20)} | {"poison": "poison"}

    (dead,) = take(app, "scoring-requests", 1, sub_queue=ServiceBusSubQueue.DEAD_LETTER)
    error = documents["poison"]["error"]
    assert (dead.message_id, dead.dead_letter_reason) == ("poison", error["code"])
    assert dead.dead_letter_error_description == error["message"]
    eventually(lambda: is_empty(app, "scoring-requests"))
    assert app.get("/api/results/m7").json() == documents["m7"]


def test_an_enqueued_request_is_completed_too(app: App) -> None:
    accepted = app.post(ROW, Prefer="respond-async")
    assert accepted.status == 202
    location = accepted.headers["Location"]
    eventually(lambda: app.get(location).status == 200)
    eventually(lambda: is_empty(app, "scoring-requests"))
