"""The emulator through Microsoft's own SDK, with blocking calls."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from azure.servicebus import (
    AutoLockRenewer,
    ServiceBusClient,
    ServiceBusMessage,
    ServiceBusReceiveMode,
    ServiceBusSubQueue,
)
from azure.servicebus.exceptions import (
    MessageLockLostError,
    MessageNotFoundError,
    MessageSizeExceededError,
    MessagingEntityNotFoundError,
    OperationTimeoutError,
    ServiceBusAuthenticationError,
    ServiceBusError,
)

from tests.emulators.servicebus_process import running
from tests.waiting import eventually

QUEUES = {
    "plain": {"LockDuration": "PT1M", "MaxDeliveryCount": 2},
    "brief": {"LockDuration": "PT1S"},
    "renewed": {"LockDuration": "PT5S"},
    "mortal": {"DefaultMessageTimeToLive": "PT0.2S", "DeadLetteringOnMessageExpiration": True},
    "unique": {"RequiresDuplicateDetection": True},
    "busy": {},
}


@pytest.fixture(scope="module")
def emulator(tmp_path_factory):
    with running(tmp_path_factory.mktemp("servicebus"), QUEUES) as emulator:
        yield emulator


@pytest.fixture
def client(emulator):
    with emulator.client() as client:
        yield client


def _send(client, queue, *messages):
    with client.get_queue_sender(queue) as sender:
        sender.send_messages(list(messages))


def _bodies(messages):
    return [str(message) for message in messages]


def _receive(receiver, amount):
    got = []
    while len(got) < amount:
        more = receiver.receive_messages(amount - len(got), max_wait_time=10)
        assert more, f"{len(got)} of {amount} messages came"
        got += more
    return got


def test_a_message_arrives_with_all_that_was_said_about_it(client):
    sent = ServiceBusMessage(
        b"\x00\xff",
        application_properties={"text": "é", "number": 7, "flag": True},
        content_type="text/csv",
        correlation_id="c",
        message_id="m",
        subject="s",
        reply_to="r",
        to="t",
        time_to_live=timedelta(minutes=5),
    )
    _send(client, "plain", sent)
    with client.get_queue_receiver("plain") as receiver:
        (message,) = _receive(receiver, 1)
        receiver.complete_message(message)
    assert b"".join(message.body) == b"\x00\xff"
    assert message.application_properties == {b"text": "é".encode(), b"number": 7, b"flag": True}
    assert (message.content_type, message.correlation_id, message.message_id) == (
        *("text/csv", "c", "m"),
    )
    assert (message.subject, message.reply_to, message.to) == ("s", "r", "t")
    assert message.time_to_live == timedelta(minutes=5)
    assert message.delivery_count == 0
    assert abs(datetime.now(UTC) - message.enqueued_time_utc) < timedelta(seconds=30)


def test_a_batch_is_as_many_messages(client):
    with client.get_queue_sender("plain") as sender:
        batch = sender.create_message_batch()
        for number in range(50):
            batch.add_message(ServiceBusMessage(str(number)))
        sender.send_messages(batch)
    with client.get_queue_receiver(
        "plain", receive_mode=ServiceBusReceiveMode.RECEIVE_AND_DELETE
    ) as receiver:
        assert _bodies(_receive(receiver, 50)) == [str(number) for number in range(50)]
        assert receiver.peek_messages() == []


def test_a_message_longer_than_a_frame_arrives_whole(client):
    body = bytes(range(256)) * 900
    _send(client, "plain", ServiceBusMessage(body))
    with client.get_queue_receiver("plain") as receiver:
        (message,) = _receive(receiver, 1)
        receiver.complete_message(message)
    assert b"".join(message.body) == body


def test_a_message_above_the_size_limit_is_refused(client):
    with (
        client.get_queue_sender("plain") as sender,
        pytest.raises(MessageSizeExceededError),
    ):
        sender.send_messages(ServiceBusMessage(b"x" * 262_145))


def test_an_abandoned_message_comes_again_and_then_is_dead(client):
    _send(client, "plain", ServiceBusMessage("again"))
    with client.get_queue_receiver("plain") as receiver:
        for tries in range(2):
            (message,) = _receive(receiver, 1)
            assert message.delivery_count == tries
            receiver.abandon_message(message)
    (dead,) = _take_dead(client, "plain", 1)
    assert (str(dead), dead.dead_letter_reason) == ("again", "MaxDeliveryCountExceeded")


def test_a_dead_lettered_message_says_why(client):
    _send(client, "plain", ServiceBusMessage("bad", application_properties={"kept": 1}))
    with client.get_queue_receiver("plain") as receiver:
        (message,) = _receive(receiver, 1)
        receiver.dead_letter_message(message, reason="malformed", error_description="no columns")
    (dead,) = _take_dead(client, "plain", 1)
    assert (dead.dead_letter_reason, dead.dead_letter_error_description) == (
        *("malformed", "no columns"),
    )
    assert dead.application_properties[b"kept"] == 1


def _take_dead(client, queue, amount):
    with client.get_queue_receiver(queue, sub_queue=ServiceBusSubQueue.DEAD_LETTER) as receiver:
        dead = _receive(receiver, amount)
        for message in dead:
            receiver.complete_message(message)
    return dead


def test_a_deferred_message_is_received_by_its_sequence_number(client):
    _send(client, "plain", ServiceBusMessage("later"))
    with client.get_queue_receiver("plain") as receiver:
        (message,) = _receive(receiver, 1)
        receiver.defer_message(message)
        (deferred,) = receiver.receive_deferred_messages(message.sequence_number)
        assert str(deferred) == "later"
        receiver.complete_message(deferred)
        with pytest.raises(MessageNotFoundError):
            receiver.receive_deferred_messages(message.sequence_number)


def test_a_lock_that_ran_out_is_lost_and_the_message_comes_again(client):
    _send(client, "brief", ServiceBusMessage("slow"))
    with client.get_queue_receiver("brief") as receiver:
        (message,) = _receive(receiver, 1)
        (again,) = _receive(receiver, 1)
        assert again.delivery_count == 1
        with pytest.raises(MessageLockLostError):
            receiver.complete_message(message)
        receiver.complete_message(again)


def test_a_renewed_lock_lasts_longer(client):
    _send(client, "renewed", ServiceBusMessage("long"))
    with client.get_queue_receiver("renewed") as receiver:
        (message,) = _receive(receiver, 1)
        before = message.locked_until_utc
        eventually(lambda: receiver.renew_message_lock(message) > before)
        receiver.complete_message(message)


def test_the_sdks_own_renewer_keeps_a_lock_beyond_its_duration(client):
    _send(client, "renewed", ServiceBusMessage("long"))
    with client.get_queue_receiver("renewed") as receiver, AutoLockRenewer() as renewer:
        (message,) = _receive(receiver, 1)
        end = message.locked_until_utc
        renewer.register(receiver, message, max_lock_renewal_duration=30)
        eventually(lambda: datetime.now(UTC) > end, 8)
        receiver.complete_message(message)
        assert receiver.peek_messages() == []


def test_an_expired_message_is_dead_lettered_without_anybody_asking(client):
    _send(client, "mortal", ServiceBusMessage("old"))
    (dead,) = _take_dead(client, "mortal", 1)
    assert dead.dead_letter_reason == "TTLExpiredException"


def test_a_scheduled_message_comes_at_its_time_unless_it_is_cancelled(client):
    due = datetime.now(UTC) + timedelta(seconds=1)
    with client.get_queue_sender("plain") as sender:
        numbers = sender.schedule_messages(
            [ServiceBusMessage("cancelled"), ServiceBusMessage("kept")], due
        )
        sender.cancel_scheduled_messages(numbers[0])
        with pytest.raises(ServiceBusError):
            sender.cancel_scheduled_messages(numbers[0])
    with client.get_queue_receiver("plain") as receiver:
        (message,) = _receive(receiver, 1)
        receiver.complete_message(message)
    assert str(message) == "kept"
    assert datetime.now(UTC) >= due
    assert message.sequence_number == numbers[1]


def test_a_peek_takes_nothing_away(client):
    _send(client, "plain", *(ServiceBusMessage(text) for text in "abc"))
    with client.get_queue_receiver("plain") as receiver:
        assert _bodies(receiver.peek_messages(2)) == ["a", "b"]
        assert _bodies(receiver.peek_messages(2)) == ["c"]
        messages = _receive(receiver, 3)
        for message in messages:
            receiver.complete_message(message)
    assert _bodies(messages) == ["a", "b", "c"]


def test_a_duplicate_is_accepted_and_dropped(client):
    _send(client, "unique", ServiceBusMessage("first", message_id="1"))
    _send(client, "unique", ServiceBusMessage("second", message_id="1"))
    _send(client, "unique", ServiceBusMessage("third", message_id="2"))
    with client.get_queue_receiver("unique") as receiver:
        messages = _receive(receiver, 2)
        for message in messages:
            receiver.complete_message(message)
    assert _bodies(messages) == ["first", "third"]


def test_an_empty_queue_answers_with_nothing_in_time(client):
    with client.get_queue_receiver("busy") as receiver:
        assert receiver.receive_messages(5, max_wait_time=1) == []


@pytest.mark.parametrize(
    ("name", "key"), [("RootManageSharedAccessKey", "wrong"), ("Unknown", "SAS_KEY_VALUE")]
)
def test_a_wrong_key_is_an_authentication_error(emulator, name, key):
    endpoint = f"Endpoint=sb://localhost:{emulator.port};UseDevelopmentEmulator=true"
    wrong = f"{endpoint};SharedAccessKeyName={name};SharedAccessKey={key}"
    with (
        ServiceBusClient.from_connection_string(wrong, retry_total=0) as client,
        pytest.raises(ServiceBusAuthenticationError),
        client.get_queue_sender("plain") as sender,
    ):
        sender.send_messages(ServiceBusMessage("x"))


def test_an_unknown_queue_is_refused(client):
    with pytest.raises((MessagingEntityNotFoundError, ServiceBusAuthenticationError)):
        client.get_queue_sender("nowhere").send_messages(ServiceBusMessage("x"))


def test_sessions_and_topics_are_refused(client):
    with pytest.raises((ServiceBusError, OperationTimeoutError), match=r"session|not-allowed"):
        client.get_queue_receiver("plain", session_id="s").receive_messages(max_wait_time=1)
    with pytest.raises(ServiceBusError):
        client.get_subscription_receiver("topic", "sub").receive_messages(max_wait_time=1)


def test_two_receivers_share_a_queue_and_get_each_message_once(emulator):
    with emulator.client() as client:
        _send(client, "busy", *(ServiceBusMessage(str(number)) for number in range(200)))

    def drain(_):
        taken = []
        with emulator.client() as client, client.get_queue_receiver("busy") as receiver:
            while messages := receiver.receive_messages(20, max_wait_time=1):
                for message in messages:
                    receiver.complete_message(message)
                taken += _bodies(messages)
        return taken

    with ThreadPoolExecutor(2) as pool:
        left, right = pool.map(drain, range(2))
    assert sorted(left + right, key=int) == [str(number) for number in range(200)]
