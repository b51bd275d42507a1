"""Disconnected clients leave nothing behind: no connection, link, lock, message or memory."""

from __future__ import annotations

import asyncio
import gc
import logging
import time
from collections import Counter
from functools import partial
from pathlib import Path

import pytest
from azure.servicebus import ServiceBusMessage
from azure.servicebus.aio import ServiceBusClient

from local.emulators.servicebus.amqp.outcomes import Accepted
from local.emulators.servicebus.amqp.performatives import Detach, Disposition, Transfer
from local.emulators.servicebus.amqp.values import UInt
from local.emulators.servicebus.broker.availability import Lock
from local.emulators.servicebus.broker.message import Draft, Message
from local.emulators.servicebus.connection import Connection
from local.emulators.servicebus.consumer import Consumer
from local.emulators.servicebus.link import Link
from local.emulators.servicebus.request_response import ReplyLink
from local.emulators.servicebus.session import Session
from local.emulators.servicebus.token_expiry import TokenExpiry
from tests.local.emulators.servicebus_in_process import serving
from tests.local.emulators.servicebus_peer import Desk, Peer, credit, receiver
from tests.local.emulators.servicebus_process import running
from tests.waiting import eventually_async

log = logging.getLogger(__name__)

#: One for each client, so that none waits for what another has fetched.
QUEUES: dict[str, dict[str, object]] = {f"q{number}": {} for number in range(5)}

BRIEF = {"brief": {"LockDuration": "PT1S"}}

MESSAGES = 250 * 900

PER_CLIENT = (Connection, Session, Link, Consumer, ReplyLink, TokenExpiry, Lock, Message)


@pytest.fixture
async def emulator(tmp_path):
    async with serving(tmp_path, QUEUES | BRIEF) as emulator:
        yield emulator


async def _visit(connection_string, queue, amount, times=1):
    """A client that connects, sends, receives, settles and disconnects."""
    async with ServiceBusClient.from_connection_string(connection_string) as client:
        async with client.get_queue_sender(queue) as sender:
            for _ in range(times):
                await sender.send_messages([ServiceBusMessage(str(n)) for n in range(amount)])
        async with client.get_queue_receiver(queue, prefetch_count=100) as receiver:
            left = amount * times
            while left:
                # Each call that waits for an answer polls in the SDK: more at once are slower.
                messages = await receiver.receive_messages(min(left, 100), max_wait_time=10)
                assert messages, f"{left} messages did not come"
                await asyncio.gather(*map(receiver.complete_message, messages))
                left -= len(messages)
            assert await receiver.peek_messages() == []


async def _visit_all(connection_string, amount, times=1):
    await asyncio.gather(*(_visit(connection_string, queue, amount, times) for queue in QUEUES))


def _alive():
    """What the emulator keeps for clients and messages, counted by type."""
    gc.collect()
    return Counter(type(thing) for thing in gc.get_objects() if isinstance(thing, PER_CLIENT))


async def test_nothing_is_kept_of_disconnected_clients(emulator):
    before = _alive()
    for _ in range(2):
        await _visit_all(emulator.connection_string, 100)
    await eventually_async(lambda: not emulator.server.connections)
    assert emulator.messages() == emulator.locks() == 0
    assert _alive() - before == Counter()


async def test_nothing_is_kept_of_detached_links(emulator):
    queue = emulator.server.namespace.find("q0")
    async with await Peer.connect(emulator.port) as peer:
        await peer.open()
        await Desk(peer).put("q0")
        before = _alive()
        for number in range(300):
            queue.send(Draft(str(number), b""))
            peer.send(receiver("r", 2, "q0", "r"))
            peer.send(credit(2, 1))
            transfer, _ = await peer.read_until(Transfer)
            peer.send(Disposition(True, transfer.delivery_id, state=Accepted().described()))
            await peer.read_until(Disposition)
            peer.send(receiver("m", 3, "q0/$management", "m"))
            for handle in (2, 3):
                peer.send(Detach(UInt(handle), closed=True))
                await peer.read_until(Detach)
        assert emulator.messages() == emulator.locks() == emulator.unsettled() == 0
        assert _alive() - before == Counter()


async def test_the_locks_of_a_disconnected_client_expire_and_the_messages_stay(emulator):
    queue = emulator.server.namespace.find("brief")
    for number in range(100):
        queue.send(Draft(str(number), b""))
    async with await Peer.connect(emulator.port) as peer:
        await peer.open()
        await Desk(peer).put("brief")
        peer.send(receiver("r", 2, "brief", "r"))
        peer.send(credit(2, 100))
        await eventually_async(lambda: queue.locks_held == 100)
    await eventually_async(lambda: queue.locks_held == 0)
    assert [message.delivery_count for message in queue.peek(0, 1000)] == [1] * 100


def _resident_kb(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError(f"process {pid} is gone")


@pytest.mark.long
@pytest.mark.timeout(3600)
async def test_a_quarter_of_an_hours_messages_leave_no_memory_behind(tmp_path):
    """What 250 messages a second are in a quarter of an hour, as fast as they go.

    Four times as many took 351 s on two cores, and the process grew from 42,340 to 43,428 kB. On a
    busy machine, where more messages wait at a time, it grew by 2,836 kB.
    """
    with running(tmp_path, QUEUES) as emulator:
        visit = partial(_visit_all, emulator.connection_string, amount=500, times=8)
        await visit()
        before_kb, done, begin_s = _resident_kb(emulator.process.pid), 0, time.monotonic()
        while done < MESSAGES:
            await visit()
            done += len(QUEUES) * 500 * 8
        lasted_s = time.monotonic() - begin_s
        after_kb = _resident_kb(emulator.process.pid)
    log.info("%d messages, %.0f s, %d kB before, %d after", done, lasted_s, before_kb, after_kb)
    # The smallest object a message would be 12,000 kB.
    assert after_kb - before_kb < 5_000
