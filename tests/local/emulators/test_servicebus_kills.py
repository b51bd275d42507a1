"""`kill -9` again and again, while messages pass a topic and a subscription with sessions."""

from __future__ import annotations

import asyncio
import gc
import random
from collections import defaultdict

import pytest
from azure.servicebus import NEXT_AVAILABLE_SESSION, ServiceBusMessage
from azure.servicebus.aio import ServiceBusClient
from azure.servicebus.exceptions import ServiceBusError

from tests.local.emulators.servicebus_process import running

KILLS = 20
SESSIONS = 3

TOPIC = {
    "Name": "events",
    "Subscriptions": [
        {"Name": "ordered", "Properties": {"RequiresSession": True, "MaxDeliveryCount": 1000}}
    ],
}

pytestmark = [
    pytest.mark.long,
    #: The SDK forgets to close a socket whose peer was killed.
    pytest.mark.filterwarnings(
        "ignore:Exception ignored in:pytest.PytestUnraisableExceptionWarning"
    ),
]


@pytest.fixture
def emulator(tmp_path):
    with running(tmp_path, {}, [TOPIC]) as emulator:
        yield emulator
    gc.collect()


class Traffic:
    """Sends numbered messages, and receives them session by session."""

    def __init__(self, connection_string):
        self._connection_string = connection_string
        self.acknowledged = defaultdict(list)
        #: The numbers of each session in the order of their first delivery.
        self.received = defaultdict(dict)
        self.ends = asyncio.Event()

    def _client(self):
        return ServiceBusClient.from_connection_string(self._connection_string, retry_total=0)

    async def send(self):
        number = 0
        while not self.ends.is_set():
            try:
                async with self._client() as client, client.get_topic_sender("events") as sender:
                    while not self.ends.is_set():
                        session = str(number % SESSIONS)
                        number += 1
                        await sender.send_messages(
                            ServiceBusMessage(str(number), session_id=session), timeout=2
                        )
                        self.acknowledged[session].append(number)
            except (ServiceBusError, ValueError, OSError):
                await asyncio.sleep(0.1)

    async def receive(self):
        while not self.is_done():
            try:
                async with self._client() as client:
                    await self._receive_a_session(client)
            except (ServiceBusError, ValueError, OSError):
                await asyncio.sleep(0.1)

    async def _receive_a_session(self, client):
        async with client.get_subscription_receiver(
            "events", "ordered", session_id=NEXT_AVAILABLE_SESSION, max_wait_time=1
        ) as receiver:
            while messages := await receiver.receive_messages(20, max_wait_time=0.5):
                for message in messages:
                    self.received[message.session_id].setdefault(int(str(message)))
                    await receiver.complete_message(message)

    def is_done(self):
        return self.ends.is_set() and all(
            set(numbers) <= set(self.received[session])
            for session, numbers in self.acknowledged.items()
        )


@pytest.mark.timeout(300)
async def test_kills_lose_nothing_and_keep_the_order_within_a_session(emulator):
    traffic = Traffic(emulator.connection_string)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(traffic.send())
        for _ in range(2):
            tasks.create_task(traffic.receive())
        for _ in range(KILLS):
            await asyncio.sleep(random.uniform(0.5, 1.5))
            emulator.kill()
            await asyncio.to_thread(emulator.start)
        traffic.ends.set()
    assert sum(map(len, traffic.acknowledged.values())) > KILLS
    for session, received in traffic.received.items():
        assert list(received) == sorted(received), session
