"""The emulator through Microsoft's own SDK, with blocking calls."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import cache, partial

import pytest
from azure.servicebus import (
    AutoLockRenewer,
    ServiceBusMessage,
    ServiceBusReceiveMode,
    ServiceBusSubQueue,
)
from azure.servicebus.amqp import AmqpAnnotatedMessage
from azure.servicebus.exceptions import (
    MessageLockLostError,
    MessageNotFoundError,
    ServiceBusError,
)

from tests.local.emulators.servicebus_process import running
from tests.waiting import eventually

QUEUES = {
    "plain": {"LockDuration": "PT1M", "MaxDeliveryCount": 2},
    "brief": {"LockDuration": "PT1S"},
    "renewed": {"LockDuration": "PT5S"},
    "mortal": {"DefaultMessageTimeToLive": "PT0.2S", "DeadLetteringOnMessageExpiration": True},
    "unique": {"RequiresDuplicateDetection": True},
    "busy": {},
    "empty": {},
    "deleted": {},
}


@pytest.fixture(scope="module")
def emulator(tmp_path_factory):
    with running(tmp_path_factory.mktemp("servicebus"), QUEUES) as emulator:
        yield emulator


@pytest.fixture(scope="module")
def client(emulator):
    with emulator.client() as client:
        yield client


# To close a sender or a receiver takes the SDK up to a second, so each queue has one of each.


@pytest.fixture(scope="module")
def sender_to(client):
    return cache(client.get_queue_sender)


@pytest.fixture(scope="module")
def receiver_of(client):
    return cache(client.get_queue_receiver)


@pytest.fixture(scope="module")
def send(sender_to):
    return lambda queue, *messages: sender_to(queue).send_messages(list(messages))


@pytest.fixture(scope="module")
def take_dead(client):
    """Receives and completes dead letters."""
    receiver_of = cache(
        partial(client.get_queue_receiver, sub_queue=ServiceBusSubQueue.DEAD_LETTER)
    )

    def take(queue, amount):
        dead = _receive(receiver_of(queue), amount)
        for message in dead:
            receiver_of(queue).complete_message(message)
        return dead

    return take


def _bodies(messages):
    return [str(message) for message in messages]


def _receive(receiver, amount):
    got = []
    while len(got) < amount:
        more = receiver.receive_messages(amount - len(got), max_wait_time=10)
        assert more, f"{len(got)} of {amount} messages came"
        got += more
    return got


def test_a_message_arrives_with_all_its_properties(receiver_of, send):
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
    send("plain", sent)
    receiver = receiver_of("plain")
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


def test_annotations_arrive_too(receiver_of, sender_to):
    annotated = AmqpAnnotatedMessage(
        data_body=b"x", annotations={"a": 1}, delivery_annotations={"d": 2}, footer={"f": 3}
    )
    sender_to("plain").send_messages(annotated)
    (message,) = _receive(receiver_of("plain"), 1)
    receiver_of("plain").complete_message(message)
    raw = message.raw_amqp_message
    assert (raw.annotations[b"a"], raw.delivery_annotations[b"d"], raw.footer) == (1, 2, {b"f": 3})


def test_a_batch_is_as_many_messages(client, sender_to):
    sender = sender_to("deleted")
    batch = sender.create_message_batch()
    for number in range(50):
        batch.add_message(ServiceBusMessage(str(number)))
    sender.send_messages(batch)
    with client.get_queue_receiver(
        "deleted", receive_mode=ServiceBusReceiveMode.RECEIVE_AND_DELETE
    ) as receiver:
        assert _bodies(_receive(receiver, 50)) == [str(number) for number in range(50)]
        assert receiver.peek_messages() == []


def test_a_message_longer_than_a_frame_arrives_whole(receiver_of, send):
    body = bytes(range(256)) * 900
    send("plain", ServiceBusMessage(body))
    receiver = receiver_of("plain")
    (message,) = _receive(receiver, 1)
    receiver.complete_message(message)
    assert b"".join(message.body) == body


def test_an_abandoned_message_is_delivered_again_and_then_dead_lettered(
    receiver_of, send, take_dead
):
    send("plain", ServiceBusMessage("again"))
    receiver = receiver_of("plain")
    for tries in range(2):
        (message,) = _receive(receiver, 1)
        assert message.delivery_count == tries
        receiver.abandon_message(message)
    (dead,) = take_dead("plain", 1)
    assert (str(dead), dead.dead_letter_reason) == ("again", "MaxDeliveryCountExceeded")


def test_a_dead_lettered_message_has_its_reason(receiver_of, send, take_dead):
    send("plain", ServiceBusMessage("bad", application_properties={"kept": 1}))
    receiver = receiver_of("plain")
    (message,) = _receive(receiver, 1)
    receiver.dead_letter_message(message, reason="malformed", error_description="no columns")
    (dead,) = take_dead("plain", 1)
    assert (dead.dead_letter_reason, dead.dead_letter_error_description) == (
        *("malformed", "no columns"),
    )
    assert dead.application_properties[b"kept"] == 1


def test_a_deferred_message_is_received_by_its_sequence_number(receiver_of, send):
    send("plain", ServiceBusMessage("later"))
    receiver = receiver_of("plain")
    (message,) = _receive(receiver, 1)
    receiver.defer_message(message)
    (deferred,) = receiver.receive_deferred_messages(message.sequence_number)
    assert str(deferred) == "later"
    receiver.complete_message(deferred)
    with pytest.raises(MessageNotFoundError):
        receiver.receive_deferred_messages(message.sequence_number)


def test_after_a_lock_expires_the_message_is_delivered_again(receiver_of, send):
    send("brief", ServiceBusMessage("slow"))
    receiver = receiver_of("brief")
    (message,) = _receive(receiver, 1)
    (again,) = _receive(receiver, 1)
    assert again.delivery_count == 1
    with pytest.raises(MessageLockLostError):
        receiver.complete_message(message)
    receiver.complete_message(again)


def test_a_renewed_lock_lasts_longer(receiver_of, send):
    send("renewed", ServiceBusMessage("long"))
    receiver = receiver_of("renewed")
    (message,) = _receive(receiver, 1)
    before = message.locked_until_utc
    eventually(lambda: receiver.renew_message_lock(message) > before)
    receiver.complete_message(message)


@pytest.mark.long
def test_the_sdks_own_renewer_keeps_a_lock_beyond_its_duration(receiver_of, send):
    send("renewed", ServiceBusMessage("long"))
    receiver = receiver_of("renewed")
    with AutoLockRenewer() as renewer:
        (message,) = _receive(receiver, 1)
        end = message.locked_until_utc
        renewer.register(receiver, message, max_lock_renewal_duration=30)
        eventually(lambda: datetime.now(UTC) > end, 8)
        receiver.complete_message(message)
        assert receiver.peek_messages(sequence_number=1) == []


def test_an_expired_message_is_dead_lettered_without_a_receiver(send, take_dead):
    send("mortal", ServiceBusMessage("old"))
    (dead,) = take_dead("mortal", 1)
    assert dead.dead_letter_reason == "TTLExpiredException"


def test_a_scheduled_message_is_delivered_at_its_time_unless_cancelled(sender_to, receiver_of):
    due = datetime.now(UTC) + timedelta(seconds=1)
    sender, receiver = sender_to("plain"), receiver_of("plain")
    messages = [ServiceBusMessage("cancelled"), ServiceBusMessage("kept")]
    numbers = sender.schedule_messages(messages, due)
    sender.cancel_scheduled_messages(numbers[0])
    with pytest.raises(ServiceBusError):
        sender.cancel_scheduled_messages(numbers[0])
    (message,) = _receive(receiver, 1)
    receiver.complete_message(message)
    assert str(message) == "kept"
    assert datetime.now(UTC) >= due
    assert message.sequence_number == numbers[1]


def test_a_peek_removes_nothing(receiver_of, send):
    send("plain", *(ServiceBusMessage(text) for text in "abc"))
    receiver = receiver_of("plain")
    assert _bodies(receiver.peek_messages(2)) == ["a", "b"]
    assert _bodies(receiver.peek_messages(2)) == ["c"]
    messages = _receive(receiver, 3)
    for message in messages:
        receiver.complete_message(message)
    assert _bodies(messages) == ["a", "b", "c"]


def test_a_duplicate_is_accepted_and_dropped(receiver_of, send):
    send("unique", ServiceBusMessage("first", message_id="1"))
    send("unique", ServiceBusMessage("second", message_id="1"))
    send("unique", ServiceBusMessage("third", message_id="2"))
    receiver = receiver_of("unique")
    messages = _receive(receiver, 2)
    for message in messages:
        receiver.complete_message(message)
    assert _bodies(messages) == ["first", "third"]


def test_receiving_from_an_empty_queue_returns_nothing_in_time(receiver_of):
    assert receiver_of("empty").receive_messages(5, max_wait_time=0.5) == []


@pytest.mark.long
def test_two_receivers_share_a_queue_and_get_each_message_once(emulator, send):
    send("busy", *(ServiceBusMessage(str(number)) for number in range(200)))

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
