"""Two poisonous messages among 10,000: one can't be read, one ends the process that scores it."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from azure.servicebus import ServiceBusClient, ServiceBusMessage

from tests.faults import killing_model
from tests.running_app import App
from tests.waiting import eventually

pytestmark = [
    pytest.mark.long,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

MESSAGES = 10_000


@pytest.fixture(params=["batch", "message"])
def app(make_app: Any, request: pytest.FixtureRequest) -> App:
    app: App = make_app(MESSAGE_SETTLEMENT=request.param, TRIGGERS="http,servicebus")
    app.host.stop()
    killing_model.save(app.model_dir)
    app.start_host()
    return app


@pytest.mark.timeout(400)
def test_a_poisonous_message_ends_alone_and_its_neighbours_are_answered(app: App) -> None:
    numbers = np.random.default_rng(1).random((MESSAGES, 3)).round(6).tolist()
    bodies = {f"m{number}": f"[{row}]" for number, row in enumerate(numbers)}
    bodies["m4000"], bodies["m6000"] = f"[[{killing_model.POISON}, 0, 0]]", "{"
    messages = (ServiceBusMessage(body, message_id=name) for name, body in bodies.items())
    inbox = app.inbox
    for some in itertools.batched(messages, 500, strict=True):
        app.send(*some)
    eventually(lambda: len(inbox.counts()) == MESSAGES, 300)
    failed = {
        document["id"]: document["error"]["code"]
        for document in inbox.documents
        if document["status"] == "failed"
    }
    assert failed == {"m4000": "tries_exhausted", "m6000": "malformed_input"}
    assert set(inbox.counts()) == set(bodies)
    # The platform's settlement can't dead-letter one message of a batch.
    expected = failed if app.env["MESSAGE_SETTLEMENT"] == "message" else {}
    eventually(lambda: waiting(app) == {}, 30)
    assert waiting(app, "deadletter") == expected


def waiting(app: App, sub_queue: str | None = None) -> dict[str, str | None]:
    """The ids of messages that are in the queue, locked or not, with their reasons."""
    with (
        ServiceBusClient.from_connection_string(app.servicebus.connection_string) as client,
        client.get_queue_receiver("scoring-requests", sub_queue=sub_queue) as receiver,
    ):
        return {
            str(message.message_id): message.dead_letter_reason
            for message in receiver.peek_messages(100)
        }
