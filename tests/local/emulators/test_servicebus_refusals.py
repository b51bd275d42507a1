"""What the emulator refuses, and how Microsoft's SDK reports it."""

from __future__ import annotations

import pytest
from azure.servicebus import ServiceBusClient, ServiceBusMessage
from azure.servicebus.exceptions import (
    MessageSizeExceededError,
    MessagingEntityNotFoundError,
    OperationTimeoutError,
    ServiceBusAuthenticationError,
    ServiceBusError,
)

from tests.local.emulators.servicebus_process import running


@pytest.fixture(scope="module")
def emulator(tmp_path_factory):
    with running(tmp_path_factory.mktemp("servicebus"), {"q": {}}) as emulator:
        yield emulator


@pytest.fixture
def client(emulator):
    with ServiceBusClient.from_connection_string(
        emulator.connection_string, retry_total=0
    ) as client:
        yield client


def test_a_message_above_the_size_limit_is_refused(client):
    with pytest.raises(MessageSizeExceededError):
        client.get_queue_sender("q").send_messages(ServiceBusMessage(b"x" * 262_145))


@pytest.mark.parametrize(
    "properties",
    [{"a": "x" * 33_000}, {"x" * 33_000: 1}, {str(n): "x" * 20_000 for n in range(4)}],
    ids=["value", "name", "together"],
)
def test_properties_above_their_limits_are_refused(client, properties):
    message = ServiceBusMessage("x", application_properties=properties)
    with pytest.raises(MessageSizeExceededError, match="application propert"):
        client.get_queue_sender("q").send_messages(message)


def test_properties_within_their_limits_are_taken(client):
    properties = {str(n): "x" * 20_000 for n in range(3)}
    with client.get_queue_sender("q") as sender:
        sender.send_messages(ServiceBusMessage("x", application_properties=properties))


@pytest.mark.parametrize(
    ("name", "key"), [("RootManageSharedAccessKey", "wrong"), ("Unknown", "SAS_KEY_VALUE")]
)
def test_a_wrong_key_is_an_authentication_error(emulator, name, key):
    endpoint = f"Endpoint=sb://localhost:{emulator.port};UseDevelopmentEmulator=true"
    wrong = f"{endpoint};SharedAccessKeyName={name};SharedAccessKey={key}"
    with (
        ServiceBusClient.from_connection_string(wrong, retry_total=0) as client,
        pytest.raises(ServiceBusAuthenticationError),
        client.get_queue_sender("q") as sender,
    ):
        sender.send_messages(ServiceBusMessage("x"))


def test_an_unknown_queue_is_refused(client):
    with pytest.raises((MessagingEntityNotFoundError, ServiceBusAuthenticationError)):
        client.get_queue_sender("nowhere").send_messages(ServiceBusMessage("x"))


def test_a_session_of_a_plain_queue_and_an_unknown_topic_are_refused(client):
    with pytest.raises((ServiceBusError, OperationTimeoutError), match=r"session|not-allowed"):
        client.get_queue_receiver("q", session_id="s").receive_messages(max_wait_time=1)
    with pytest.raises(ServiceBusError):
        client.get_subscription_receiver("topic", "sub").receive_messages(max_wait_time=1)
