"""Sessions through Microsoft's own SDK."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from functools import partial

import pytest
from azure.servicebus import (
    NEXT_AVAILABLE_SESSION,
    ServiceBusMessage,
    ServiceBusReceiveMode,
)
from azure.servicebus.aio import ServiceBusClient
from azure.servicebus.exceptions import (
    OperationTimeoutError,
    ServiceBusError,
    SessionCannotBeLockedError,
    SessionLockLostError,
)

from tests.local.emulators.servicebus_process import running

#: Each sender and receiver takes a second to close.
pytestmark = pytest.mark.long

ORDERED: dict[str, object] = {"RequiresSession": True, "MaxDeliveryCount": 2}
BRIEF = {**ORDERED, "LockDuration": "PT1S"}
QUEUES = {"ordered": ORDERED, "next": ORDERED, "none": ORDERED, "brief": BRIEF, "plain": {}}


@pytest.fixture(scope="module")
def emulator(tmp_path_factory):
    with running(tmp_path_factory.mktemp("sessions"), QUEUES) as emulator:
        yield emulator


@pytest.fixture
async def client(emulator):
    async with ServiceBusClient.from_connection_string(
        emulator.connection_string, retry_total=0
    ) as client:
        yield client


@pytest.fixture
def send(client):
    """Sends one message for each body to a session."""

    async def send(queue, session, *bodies):
        async with client.get_queue_sender(queue) as sender:
            await sender.send_messages(
                [ServiceBusMessage(body, session_id=session) for body in bodies]
            )

    return send


async def _receive(receiver, amount):
    got = []
    while len(got) < amount:
        more = await receiver.receive_messages(amount - len(got), max_wait_time=10)
        assert more, f"{len(got)} of {amount} messages came"
        got += more
    return got


def _bodies(messages):
    return [str(message) for message in messages]


async def test_a_session_has_its_messages_only_and_in_order(client, send):
    for number in range(0, 6, 2):
        await send("ordered", "a", f"a{number}", f"a{number + 1}")
        await send("ordered", "b", f"b{number}", f"b{number + 1}")
    async with client.get_queue_receiver("ordered", session_id="b") as receiver:
        got = await _receive(receiver, 6)
        assert _bodies(got) == ["b0", "b1", "b2", "b3", "b4", "b5"]
        assert {message.session_id for message in got} == {"b"}
        assert await receiver.receive_messages(1, max_wait_time=0.3) == []
        for message in got:
            await receiver.complete_message(message)
    async with client.get_queue_receiver(
        "ordered", session_id="a", receive_mode=ServiceBusReceiveMode.RECEIVE_AND_DELETE
    ) as receiver:
        assert _bodies(await _receive(receiver, 6)) == ["a0", "a1", "a2", "a3", "a4", "a5"]


async def test_an_abandoned_message_comes_again_before_those_after_it(client, send):
    await send("ordered", "again", "1", "2")
    async with client.get_queue_receiver("ordered", session_id="again") as receiver:
        (first,) = await _receive(receiver, 1)
        await receiver.abandon_message(first)
        got = await _receive(receiver, 2)
        assert _bodies(got) == ["1", "2"]
        assert [message.delivery_count for message in got] == [1, 0]
        for message in got:
            await receiver.complete_message(message)


async def test_a_closed_session_is_free_at_once_without_a_failed_delivery(client, send):
    await send("ordered", "closed", "1")
    async with client.get_queue_receiver("ordered", session_id="closed") as receiver:
        await _receive(receiver, 1)
    async with client.get_queue_receiver("ordered", session_id="closed") as receiver:
        (message,) = await _receive(receiver, 1)
        assert message.delivery_count == 0
        await receiver.complete_message(message)


async def test_a_locked_session_cannot_be_accepted_a_second_time(client):
    async with client.get_queue_receiver("ordered", session_id="taken") as receiver:
        await receiver.receive_messages(1, max_wait_time=0.1)
        with pytest.raises(SessionCannotBeLockedError):
            async with client.get_queue_receiver("ordered", session_id="taken"):
                pass


async def test_the_next_available_session_is_one_with_messages_that_nobody_has_locked(client, send):
    get_next = partial(client.get_queue_receiver, "next", session_id=NEXT_AVAILABLE_SESSION)
    await send("next", "x", "1")
    async with get_next(max_wait_time=5) as first:
        assert first.session.session_id == "x"
        waiting = asyncio.create_task(get_next(max_wait_time=10).__aenter__())
        await send("next", "x", "2")
        await send("next", "y", "3")
        async with await waiting as second:
            assert second.session.session_id == "y"
            for message in await _receive(second, 1):
                await second.complete_message(message)
        for message in await _receive(first, 2):
            await first.complete_message(message)


async def test_without_a_session_a_client_waits_as_long_as_it_asked(client):
    with pytest.raises(OperationTimeoutError):
        async with client.get_queue_receiver(
            "none", session_id=NEXT_AVAILABLE_SESSION, max_wait_time=0.5
        ) as receiver:
            await receiver.receive_messages(1)


async def test_a_session_keeps_state_for_its_receivers(client):
    async with client.get_queue_receiver("ordered", session_id="stateful") as receiver:
        assert await receiver.session.get_state() is None
        await receiver.session.set_state(b"\x00state")
    async with client.get_queue_receiver("ordered", session_id="stateful") as receiver:
        assert await receiver.session.get_state() == b"\x00state"
        await receiver.session.set_state(None)
        assert await receiver.session.get_state() is None


async def test_a_renewed_session_stays_locked(client):
    async with client.get_queue_receiver("ordered", session_id="renewed") as receiver:
        before = receiver.session.locked_until_utc
        assert await receiver.session.renew_lock() > before - timedelta(seconds=1)


async def test_an_expired_session_is_lost_and_its_messages_have_a_failed_delivery(client, send):
    await send("brief", "late", "1")
    async with client.get_queue_receiver("brief", session_id="late") as receiver:
        (message,) = await _receive(receiver, 1)
        await asyncio.sleep(1.2)
        with pytest.raises(SessionLockLostError):
            await receiver.complete_message(message)
    async with client.get_queue_receiver("brief", session_id="late") as receiver:
        (message,) = await _receive(receiver, 1)
        assert message.delivery_count == 1


async def test_a_deferred_message_is_received_within_its_session(client, send):
    await send("ordered", "deferring", "1", "2")
    async with client.get_queue_receiver("ordered", session_id="deferring") as receiver:
        first, second = await _receive(receiver, 2)
        await receiver.defer_message(first)
        await receiver.complete_message(second)
        (again,) = await receiver.receive_deferred_messages(first.sequence_number)
        assert str(again) == "1"
        await receiver.complete_message(again)


async def test_a_receiver_of_a_session_peeks_at_its_messages(client, send):
    await send("ordered", "peeked", "1", "2")
    await send("ordered", "unseen", "3")
    async with client.get_queue_receiver("ordered", session_id="peeked") as receiver:
        assert _bodies(await receiver.peek_messages(10)) == ["1", "2"]


async def test_sessions_with_messages_or_state_are_listed(client, send):
    await send("brief", "listed", "1")
    async with client.get_queue_receiver("brief", session_id="stated") as receiver:
        await receiver.session.set_state("s")
    listed = {session async for session in client.list_queue_sessions("brief")}
    assert {"listed", "stated"} <= listed
    assert "other" not in listed


@pytest.mark.parametrize(
    ("queue", "session", "sentence"),
    [
        ("ordered", None, "requires sessions"),
        ("plain", "s", "does not require sessions"),
    ],
)
async def test_a_receiver_that_does_not_fit_the_queue_is_refused(client, queue, session, sentence):
    with pytest.raises(ServiceBusError, match=sentence):
        async with client.get_queue_receiver(queue, session_id=session) as receiver:
            await receiver.receive_messages(1, max_wait_time=1)


async def test_a_message_without_a_session_id_is_refused(client):
    async with client.get_queue_sender("ordered") as sender:
        with pytest.raises(ServiceBusError, match="SessionId was not set"):
            await sender.send_messages(ServiceBusMessage("1"))
