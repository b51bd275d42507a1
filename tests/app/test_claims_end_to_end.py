"""Rows and results that a message can't carry, through the host, the broker and Azurite."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from azure.servicebus import ServiceBusClient, ServiceBusMessage
from azure.storage.blob import BlobServiceClient

from tests.running_app import App
from tests.waiting import eventually

pytestmark = pytest.mark.long

ROWS = 40_000


@pytest.fixture(scope="module", params=["batch", "message"])
def app(make_app: Any, request: pytest.FixtureRequest) -> App:
    app: App = make_app(
        MESSAGE_SETTLEMENT=request.param, TRIGGERS="http,servicebus", MAX_BODY_BYTES="1000000"
    )
    return app


def test_a_large_claim_ends_in_a_document_that_names_the_blob_of_its_result(app: App) -> None:
    storage = BlobServiceClient.from_connection_string(app.azurite.connection_string)
    with storage:
        claims = storage.get_container_client("scoring-claims")
        eventually(claims.exists, 30)  # the app creates it
        claims.upload_blob("2026/rows.csv.gz", gzip.compress(b"0.9,0.9,0.9\n" * ROWS))
        app.send(
            ServiceBusMessage(
                b"",
                message_id="large",
                correlation_id="order-7",
                application_properties={"claim_blob": "2026/rows.csv.gz"},
            ),
            ServiceBusMessage(b'{"claim_blob": "no.csv"}', message_id="none"),
            ServiceBusMessage(b"[[0.9,0.9,0.9]]", message_id="beside"),
        )
        large, none, beside = app.inbox.of("large", "none", "beside")
        assert (large["status"], large["result"]) == ("succeeded", None), large
        assert large["correlation_id"] == "order-7"
        assert none["error"]["code"] == "claim_not_found"
        assert beside["result"] == [1]

        place = large["result_blob"]
        assert place["container"] == "scoring-output"
        found = storage.get_blob_client(place["container"], place["blob"]).download_blob()
        content = found.readall()
        assert (len(content), json.loads(content)) == (place["bytes"], [1] * ROWS)
    told = app.get("/api/results/large").json()
    assert told == large | {"result": [1] * ROWS}
    assert app.inbox.counts() == {"large": 1, "none": 1, "beside": 1}


def test_an_enqueued_request_with_a_large_result_is_answered_under_its_id(app: App) -> None:
    rows = b"0,0,0\n" * 30_000
    accepted = app.post(
        gzip.compress(rows), "text/csv", Content_Encoding="gzip", Prefer="respond-async",
        path="/api/score?output=probabilities",
    )  # fmt: skip
    assert accepted.status == 202
    location = accepted.headers["Location"]
    done = eventually(lambda: (reply := app.get(location)).status == 200 and reply.json(), 30)
    assert done["source"] == "http"
    assert len(done["result"]["probabilities"]) == 30_000
    assert done["result_blob"]["bytes"] > 250_000


def test_the_result_message_has_the_correlation_id_of_its_request(app: App) -> None:
    if app.env["MESSAGE_SETTLEMENT"] == "batch":
        pytest.skip("an output binding can't set it")
    connection = app.servicebus.connection_string
    app.inbox.close()
    app._inbox = None
    with (
        ServiceBusClient.from_connection_string(connection) as client,
        client.get_queue_receiver("scoring-results") as receiver,
    ):
        app.send(
            ServiceBusMessage(b"[[0,0,0]]", message_id="m", correlation_id="c", reply_to="me"),
            ServiceBusMessage(b"[[0,0,0]]", message_id="n"),
        )
        accepted = app.post(b"[[0.1,0.2,0.3]]", Prefer="respond-async").json()
        found: dict[str, str | None] = {}
        while len(found) < 3:
            for message in receiver.receive_messages(3, max_wait_time=20):
                found[json.loads(str(message))["id"]] = message.correlation_id
                receiver.complete_message(message)
    assert found == {"m": "c", "n": "n", accepted["id"]: accepted["id"]}
