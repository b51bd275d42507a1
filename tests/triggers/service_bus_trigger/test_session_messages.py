"""Messages of sessions: one at a time, none overtaken by the one behind it."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from types import SimpleNamespace
from typing import Any

import azure.functions as func
import pytest
from azurefunctions.extensions.base import Datum

from inference.errors import Overloaded
from tests.triggers.service_bus_trigger.test_message_settlement import Platform, locked
from tests.triggers.service_bus_trigger.test_messages_that_fail import enqueued, request
from triggers.delivery.batch_sender import BatchSender
from triggers.service_bus_trigger import message_settlement, service_bus_blueprint
from triggers.service_bus_trigger.message_converter import MessageConverter
from triggers.service_bus_trigger.message_scoring import MessageHandler
from triggers.service_bus_trigger.message_settlement import MessageSettler
from triggers.service_bus_trigger.received_message import ReceivedMessage
from triggers.service_bus_trigger.result_messages import late_message, message_id_of
from triggers.settings import TriggerSettings


@pytest.fixture
def platform() -> Platform:
    return Platform()


@pytest.fixture
def handler(scorer, results):
    return MessageHandler(scorer, results, retry_s=0, store_retry_s=0, keeps_order=True)


async def test_a_request_that_can_be_delivered_again_does_not_go_behind_its_session(
    handler, results, cache
):
    await results.reserve(request())
    cache.away = True
    with pytest.raises(Overloaded):
        await handler.score([enqueued(delivery_count=9)])
    # The broker would dead-letter it now. At the end of the queue it is not lost.
    assert len((await handler.score([enqueued(delivery_count=10)])).requeued) == 1


async def test_the_result_is_sent_in_the_session_and_the_lock_is_left_to_the_platform(
    handler, results, platform, scorer, monkeypatch
):
    monkeypatch.setattr(message_settlement, "MIN_RENEWAL_S", 0.01)
    real = scorer.score

    async def slow(request):
        await asyncio.sleep(0.1)
        return await real(request)

    monkeypatch.setattr(scorer, "score", slow)
    settler = MessageSettler(
        handler,
        results.final_attempts,
        send=platform.send,
        requeue=platform.requeue,
        max_delivery_count=10,
        renews_locks=False,
    )
    await settler.settle([locked("m1", session_id="ada", locked_until=time.time())], platform)
    assert platform.of("m1") == ["sent", "completed"]
    (sent,) = platform.sent
    assert sent.session_id == "ada"
    assert json.loads(sent.body)["session_id"] == "ada"


def bindings(settings: TriggerSettings, scorer, results) -> dict[str, dict[str, Any]]:
    """The bindings of the function that scores messages, by name."""
    app = func.FunctionApp()
    app.register_functions(service_bus_blueprint.blueprint(scorer, results, settings, {}))
    (function,) = app.get_functions()
    return {each["name"]: each for each in map(json.loads, function.get_raw_bindings())}


@pytest.mark.parametrize("settlement", ["batch", "message"])
async def test_with_sessions_the_platform_passes_single_messages(scorer, results, settlement):
    settings = TriggerSettings(sessions_enabled=True, message_settlement=settlement)
    trigger = bindings(settings, scorer, results)["message"]
    assert trigger["isSessionsEnabled"] is True
    assert trigger["cardinality"] == "ONE"
    assert trigger["queueName"] == "scoring-requests"
    assert "documents" not in bindings(settings, scorer, results)


async def test_a_batch_s_result_is_sent_in_the_session_too(scorer, results, monkeypatch):
    sent = []

    async def send(_, message):
        sent.append(message)

    monkeypatch.setattr(BatchSender, "send", send)
    app = func.FunctionApp()
    settings = TriggerSettings(sessions_enabled=True)
    app.register_functions(service_bus_blueprint.blueprint(scorer, results, settings, {}))
    (function,) = app.get_functions()
    message = ReceivedMessage(body=b"[[1, 2, 3]]", message_id="m1", session_id="ada")
    await function.get_user_function()(message)
    ((body, message_id, correlation_id, session_id, _),) = sent
    assert (correlation_id, session_id) == ("m1", "ada")
    assert message_id == message_id_of(body.encode())
    assert json.loads(body)["id"] == "m1"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [({}, ("m1", "x")), ({"session_id": "ada", "correlation_id": "c"}, ("c", "ada"))],
)
def test_a_late_document_is_sent_in_its_session_or_in_one_of_its_own(fields, expected):
    late = late_message(json.dumps({"id": "m1", **fields}), "x")
    assert (late.correlation_id, late.session_id) == expected


async def test_a_subscription_is_read_and_a_topic_is_written(scorer, results):
    settings = TriggerSettings(input_topic="t", input_subscription="s", output_topic="o")
    found = bindings(settings, scorer, results)
    assert (found["messages"]["topicName"], found["messages"]["subscriptionName"]) == ("t", "s")
    assert found["documents"]["topicName"] == "o"
    assert found["requeued"]["topicName"] == "t"


def test_a_platform_may_pass_a_single_message_as_a_body_and_properties() -> None:
    metadata = {
        "MessageId": Datum("a", "string"),
        "SessionId": Datum("ada", "string"),
        "DeliveryCount": Datum("4", "json"),
    }
    assert MessageConverter.check_input_type_annotation(ReceivedMessage)
    read = MessageConverter.decode(Datum(b"1", "bytes"), trigger_metadata=metadata, pytype=None)
    assert read == ReceivedMessage(body=b"1", message_id="a", session_id="ada", delivery_count=4)
    content = SimpleNamespace(content=bytes(16))
    single = MessageConverter.decode(
        Datum(content, "model_binding_data"), trigger_metadata={}, pytype=None
    )
    assert single == ReceivedMessage(lock_token=str(uuid.UUID(int=0)))
