"""The emulator through the SDK's asyncio clients, many calls at once."""

from __future__ import annotations

import asyncio

import pytest
from azure.servicebus import ServiceBusMessage
from azure.servicebus.aio import AutoLockRenewer, ServiceBusClient

from tests.local.emulators.servicebus_process import running
from tests.waiting import eventually_async

QUEUES = {"q": {}, "renewed": {"LockDuration": "PT5S"}}


@pytest.fixture(scope="module")
def emulator(tmp_path_factory):
    with running(tmp_path_factory.mktemp("servicebus"), QUEUES) as emulator:
        yield emulator


@pytest.fixture
async def client(emulator):
    async with ServiceBusClient.from_connection_string(emulator.connection_string) as client:
        yield client


async def _send(client, queue, amount):
    async with client.get_queue_sender(queue) as sender:
        await sender.send_messages([ServiceBusMessage(str(number)) for number in range(amount)])


async def _receive(receiver, amount):
    got = []
    while len(got) < amount:
        more = await receiver.receive_messages(amount - len(got), max_wait_time=10)
        assert more, f"{len(got)} of {amount} messages came"
        got += more
    return got


async def test_concurrent_management_calls_get_their_own_replies(client):
    await _send(client, "q", 20)
    async with client.get_queue_receiver("q") as receiver:
        messages = await _receive(receiver, 20)
        renewed = [receiver.renew_message_lock(message) for message in messages]
        peeked = [receiver.peek_messages(5, sequence_number=number) for number in range(1, 11)]
        answers = await asyncio.gather(*renewed, *peeked)
        firsts = [answer[0].sequence_number for answer in answers[20:]]
        assert firsts == list(range(1, 11))
        await asyncio.gather(*(receiver.complete_message(message) for message in messages))
        assert await receiver.peek_messages() == []


async def test_prefetched_messages_are_settled_in_any_order(client):
    await _send(client, "q", 100)
    async with client.get_queue_receiver("q", prefetch_count=50) as receiver:
        messages = await _receive(receiver, 100)
        await asyncio.gather(
            *(receiver.complete_message(message) for message in reversed(messages))
        )
        assert await receiver.peek_messages() == []
    assert [str(message) for message in messages] == [str(number) for number in range(100)]


async def test_a_receiver_that_waits_gets_a_message_when_it_is_sent(client):
    async with client.get_queue_receiver("q") as receiver:
        waiting = asyncio.create_task(receiver.receive_messages(max_wait_time=10))
        await _send(client, "q", 1)
        (message,) = await waiting
        await receiver.complete_message(message)


@pytest.mark.long
async def test_the_renewer_keeps_many_locks(client):
    await _send(client, "renewed", 10)
    async with client.get_queue_receiver("renewed") as receiver, AutoLockRenewer() as renewer:
        messages = await _receive(receiver, 10)
        ends = [message.locked_until_utc for message in messages]
        for message in messages:
            renewer.register(receiver, message, max_lock_renewal_duration=30)
        pairs = list(zip(messages, ends, strict=True))
        await eventually_async(lambda: all(m.locked_until_utc > end for m, end in pairs))
        await asyncio.gather(*(receiver.complete_message(message) for message in messages))
