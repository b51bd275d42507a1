"""Service Bus functions over the emulator, with Microsoft's SDK as their client."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from azure.servicebus import ServiceBusClient, ServiceBusMessage, ServiceBusSubQueue

from tests.servers import BrokerProcess, HostProcess, StartHost
from tests.waiting import eventually

APP = Path(__file__).parent / "apps" / "messages"

pytestmark = pytest.mark.usefixtures("host")


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerProcess]:
    with BrokerProcess(tmp_path_factory.mktemp("broker"), APP / "queues.json") as server:
        yield server


@pytest.fixture(scope="module")
def env(broker: BrokerProcess) -> dict[str, str]:
    return {"Bus": broker.connection_string}


@pytest.fixture(scope="module")
def host(start_host: StartHost, env: dict[str, str]) -> HostProcess:
    return start_host(APP, env)


@pytest.fixture(scope="module")
def bus(broker: BrokerProcess) -> Iterator[ServiceBusClient]:
    with ServiceBusClient.from_connection_string(broker.connection_string) as client:
        yield client


def send(bus: ServiceBusClient, queue: str, *messages: ServiceBusMessage) -> None:
    with bus.get_queue_sender(queue) as sender:
        sender.send_messages(list(messages))


def take(bus: ServiceBusClient, queue: str, count: int, **options: Any) -> list[str]:
    """The bodies of the next `count` messages, oldest first."""
    bodies: list[str] = []
    with bus.get_queue_receiver(queue, **options) as receiver:
        while len(bodies) < count:
            messages = receiver.receive_messages(count - len(bodies), max_wait_time=15)
            assert messages, f"{queue}: only {bodies}"
            for message in messages:
                bodies.append(str(message))
                receiver.complete_message(message)
    return bodies


def is_empty(bus: ServiceBusClient, queue: str) -> bool:
    """Also of locked messages."""
    with bus.get_queue_receiver(queue) as receiver:
        return not receiver.peek_messages(1)


def seen(bus: ServiceBusClient, count: int) -> list[dict[str, Any]]:
    return [json.loads(body) for body in take(bus, "seen", count)]


def test_a_message_reaches_its_function_with_its_properties_and_is_completed(
    bus: ServiceBusClient,
) -> None:
    before = datetime.now(UTC)
    send(
        bus,
        "one",
        ServiceBusMessage(
            b"\xff",
            message_id="m1",
            correlation_id="c1",
            content_type="a/b",
            subject="s",
            application_properties={"text": "t", "number": 3},
        ),
    )
    (message,) = seen(bus, 1)
    enqueued = datetime.fromisoformat(message.pop("enqueued")).replace(tzinfo=UTC)
    assert abs((enqueued - before).total_seconds()) < 30
    assert message.pop("sequence_number") >= 1
    assert message == {
        "body": "\xff",
        "message_id": "m1",
        "correlation_id": "c1",
        "content_type": "a/b",
        "subject": "s",
        "delivery_count": 1,
        "properties": {"text": "t", "number": 3},
    }
    eventually(lambda: is_empty(bus, "one"))


def test_a_failed_message_is_delivered_again_at_once_until_it_is_dead_lettered(
    bus: ServiceBusClient, host: HostProcess
) -> None:
    send(bus, "one", ServiceBusMessage(b"fails"))
    dead = take(bus, "one", 1, sub_queue=ServiceBusSubQueue.DEAD_LETTER)
    assert dead == ["fails"]
    assert host.log().count("function one failed: ValueError: never works") == 3


@pytest.mark.long
def test_the_lock_of_a_single_message_is_renewed_while_its_function_runs(
    bus: ServiceBusClient,
) -> None:
    # 7 s of work, locks of 5 s.
    send(bus, "one", ServiceBusMessage(b"long"))
    (message,) = seen(bus, 1)
    assert message["delivery_count"] == 1
    eventually(lambda: is_empty(bus, "one"))


def test_fields_of_a_text_body_replace_metadata_of_their_name(bus: ServiceBusClient) -> None:
    send(bus, "text", ServiceBusMessage('{"messageId": "mine"}', message_id="real"))
    (message,) = seen(bus, 1)
    assert message["message_id"] == "mine"
    assert message["body"] == '{"messageId": "mine"}'


def test_a_text_body_that_nests_too_deeply_is_a_text(bus: ServiceBusClient) -> None:
    send(bus, "text", ServiceBusMessage("[" * 100_000))
    assert seen(bus, 1)[0]["body"] == "[" * 100_000


def test_a_batch_is_one_invocation_and_an_array_is_a_message_an_element(
    bus: ServiceBusClient, host: HostProcess
) -> None:
    send(bus, "many", *(ServiceBusMessage(f"b{i}", message_id=f"id{i}") for i in range(8)))
    messages = seen(bus, 8)
    assert [message["body"] for message in messages] == [f"b{i}" for i in range(8)]
    assert [message["message_id"] for message in messages] == [f"id{i}" for i in range(8)]
    assert "a batch of 8" in host.log()
    eventually(lambda: is_empty(bus, "many"))


def test_absent_texts_of_a_batch_shift_the_others_as_in_azure(bus: ServiceBusClient) -> None:
    def shifted() -> bool:
        """If both arrived in one batch; a busy broker may deliver them one by one."""
        send(bus, "many", ServiceBusMessage("a"), ServiceBusMessage("b", correlation_id="of b"))
        first, second = seen(bus, 2)
        return (first["correlation_id"], second["correlation_id"]) == ("of b", None)

    eventually(shifted)


def test_a_failed_batch_is_delivered_again_as_a_whole(bus: ServiceBusClient) -> None:
    send(bus, "many", ServiceBusMessage("other"), ServiceBusMessage("once"))
    messages = seen(bus, 2)
    assert {(each["body"], each["delivery_count"]) for each in messages} == {
        ("other", 2),
        ("once", 2),
    }


def test_an_sdk_type_brings_a_message_whole(bus: ServiceBusClient) -> None:
    sent = ServiceBusMessage(
        b"text",
        message_id="m1",
        correlation_id="c1",
        content_type="a/b",
        subject="s",
        application_properties={"text": "t", "number": 3},
    )
    for queue in ("sdk-one", "sdk-many"):
        before = datetime.now(UTC)
        send(bus, queue, sent)
        (message,) = seen(bus, 1)
        enqueued = datetime.fromisoformat(message.pop("enqueued"))
        assert abs((enqueued - before).total_seconds()) < 30
        assert message.pop("sequence_number") >= 1
        assert message == {
            "body": "text",
            "message_id": "m1",
            "correlation_id": "c1",
            "session_id": None,
            "content_type": "a/b",
            "subject": "s",
            "delivery_count": 1,
            "properties": {"text": "t", "number": 3},
            "same_token": True,
        }


def test_the_messages_of_an_sdk_type_batch_keep_their_own_properties(
    bus: ServiceBusClient,
) -> None:
    send(bus, "sdk-many", ServiceBusMessage("a"), ServiceBusMessage("once", correlation_id="c"))
    messages = {each["body"]: each for each in seen(bus, 2)}
    assert (messages["a"]["correlation_id"], messages["once"]["correlation_id"]) == (None, "c")
    assert messages["once"]["delivery_count"] == 2
    eventually(lambda: is_empty(bus, "sdk-many"))


def test_a_batch_without_a_data_type_takes_json_only(
    bus: ServiceBusClient, host: HostProcess
) -> None:
    send(bus, "untyped", ServiceBusMessage('{"a": 1}'))
    assert [json.loads(each["body"]) for each in seen(bus, 1)] == [{"a": 1}]
    send(bus, "untyped", ServiceBusMessage("not json"))
    assert take(bus, "untyped", 1, sub_queue=ServiceBusSubQueue.DEAD_LETTER) == ["not json"]
    assert "function untyped failed: JsonReaderException" in host.log()
    send(bus, "untyped", ServiceBusMessage("[" * 100_000))
    assert len(take(bus, "untyped", 1, sub_queue=ServiceBusSubQueue.DEAD_LETTER)[0]) == 100_000


@pytest.mark.parametrize(
    ("kind", "sent", "bodies"),
    [
        ("text", "plain", ["plain"]),
        ("text", '{"a":{"b":[1]}}', ['{\n  "a": {\n    "b": [\n      1\n    ]\n  }\n}']),
        ("text", '["x", {"y": 1}, 2]', ["x", '{\n  "y": 1\n}', "2"]),
        ("bytes", "raw", ["System.Byte[]"]),
    ],
)
def test_an_output_becomes_the_messages_that_the_real_host_makes(
    bus: ServiceBusClient, host: HostProcess, kind: str, sent: str, bodies: list[str]
) -> None:
    request = urllib.request.Request(
        f"{host.url}/api/send/{kind}", data=sent.encode(), method="POST"
    )
    with urllib.request.urlopen(request) as response:
        assert response.status == 200
    assert take(bus, "out", len(bodies)) == bodies


def test_messages_flow_again_after_the_broker_was_away(
    broker: BrokerProcess, host: HostProcess
) -> None:
    broker.kill()
    eventually(lambda: "queue one of Bus does not answer" in host.log(), 20)
    broker.start()
    eventually(lambda: "queue one of Bus answers again" in host.log(), 20)
    with ServiceBusClient.from_connection_string(broker.connection_string) as bus:
        send(bus, "one", ServiceBusMessage("after"))
        assert [each["body"] for each in seen(bus, 1)] == ["after"]


@pytest.mark.long
def test_a_stopping_host_finishes_running_invocations_and_abandons_the_rest(
    start_host: StartHost, broker: BrokerProcess, env: dict[str, str], host: HostProcess
) -> None:
    host.stop()
    with ServiceBusClient.from_connection_string(broker.connection_string) as bus:
        with start_host(APP, env) as second:
            send(bus, "one", ServiceBusMessage("slow"))
            eventually(lambda: "slow has begun" in second.log())
            assert second.stop() == 0
        send(bus, "one", ServiceBusMessage("rest"))
        with bus.get_queue_receiver("one") as receiver:
            left = [str(each) for each in receiver.peek_messages(10)]
        assert left == ["rest"]
        assert [each["body"] for each in seen(bus, 1)] == ["slow"]
