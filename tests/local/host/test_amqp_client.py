"""The host's AMQP client, against the emulator."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from azure.servicebus import ServiceBusClient, ServiceBusMessage

from local.emulators.servicebus.amqp.errors import AmqpError
from local.emulators.servicebus.amqp.outcomes import Accepted, Rejected
from local.host.amqp_client import authorization, bus_address
from local.host.amqp_client.amqp_connection import AmqpConnection
from local.host.amqp_client.authorization import Authorization
from local.host.amqp_client.bus_address import Token
from local.host.amqp_client.message_batch import BATCH, SINGLE, encode_message, in_transfers
from local.host.amqp_client.receiving_link import ReceivingLink
from local.host.amqp_client.request_channel import RequestFailed
from local.host.amqp_client.sending_link import SendingLink
from tests.local.emulators.servicebus_in_process import InProcess, serving
from tests.waiting import eventually_async

QUEUES: dict[str, dict[str, object]] = {"in": {"LockDuration": "PT5S"}}


@pytest.fixture
async def bus(tmp_path: Path) -> AsyncIterator[InProcess]:
    async with serving(tmp_path, QUEUES) as serve:
        yield serve


@asynccontextmanager
async def opened(bus: InProcess) -> AsyncIterator[AmqpConnection]:
    address = bus_address.from_connection_string(bus.connection_string)
    connection = await AmqpConnection.open(address)
    allowed = Authorization(connection, address, "in")
    try:
        await allowed.open()
        yield connection
    finally:
        allowed.close()
        connection.close()


@asynccontextmanager
async def receiving(bus: InProcess, credit: int) -> AsyncIterator[ReceivingLink]:
    async with opened(bus) as connection:
        link = ReceivingLink(connection, "in")
        await link.open()
        link.give_credit(credit)
        yield link


def send(bus: InProcess, *bodies: bytes) -> None:
    with (
        ServiceBusClient.from_connection_string(bus.connection_string) as client,
        client.get_queue_sender("in") as sender,
    ):
        sender.send_messages([ServiceBusMessage(body) for body in bodies])


async def test_a_range_of_messages_is_settled_at_once(bus: InProcess) -> None:
    await asyncio.to_thread(send, bus, *(b"%d" % number for number in range(5)))
    async with receiving(bus, 5) as link:
        await eventually_async(lambda: link.waiting == 5)
        messages = link.take(5)
        outcomes = await link.settle(messages[0].number, messages[3].number, Accepted())
        assert list(outcomes) == [message.number for message in messages[:4]]
        queue = next(each for each in bus.server.namespace if each.path == "in")
        assert len(queue) == 1


async def test_no_more_messages_come_than_there_is_credit_for(bus: InProcess) -> None:
    await asyncio.to_thread(send, bus, *(bytes(1) for _ in range(5)))
    async with receiving(bus, 3) as link:
        await eventually_async(lambda: link.waiting == 3)
        assert link.outstanding == 0
        link.take(3)
        link.give_credit(1)
        assert await link.arrived(5)
        assert (link.waiting, link.outstanding) == (1, 0)


async def test_a_message_larger_than_a_frame_comes_whole(bus: InProcess) -> None:
    await asyncio.to_thread(send, bus, bytes(200_000))
    async with receiving(bus, 1) as link:
        assert await link.arrived(5)
        assert len(link.take(1)[0].content) > 200_000


async def test_settling_twice_is_answered_with_the_lost_lock(bus: InProcess) -> None:
    await asyncio.to_thread(send, bus, b"")
    async with receiving(bus, 1) as link:
        await link.arrived(5)
        (message,) = link.take(1)
        await link.settle(message.number, message.number, Accepted())
        outcomes = await link.settle(message.number, message.number, Accepted())
        assert isinstance(outcomes[message.number], Rejected)


async def test_what_waits_fails_with_its_connection(bus: InProcess) -> None:
    async with receiving(bus, 1) as link:
        waiting = asyncio.create_task(link.arrived(60))
        settling = link.settle(100, 109, Accepted())
        await asyncio.sleep(0)
        link.connection.close()
        with pytest.raises(ConnectionError):
            await waiting
        with pytest.raises(ConnectionError):
            await settling
        with pytest.raises(ConnectionError):
            link.give_credit(1)


async def test_an_entity_that_is_missing_is_an_error_that_says_so(bus: InProcess) -> None:
    address = bus_address.from_connection_string(bus.connection_string)
    connection = await AmqpConnection.open(address)
    with pytest.raises(RequestFailed, match="404"):
        await Authorization(connection, address, "nowhere").open()
    connection.close()


async def test_a_link_without_a_token_is_refused(bus: InProcess) -> None:
    address = bus_address.from_connection_string(bus.connection_string)
    connection = await AmqpConnection.open(address)
    with pytest.raises(AmqpError, match="No token"):
        await ReceivingLink(connection, "in").open()
    connection.close()


async def test_a_token_is_renewed_before_it_expires(
    bus: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authorization, "MIN_RENEWAL_S", 0.01)
    address = bus_address.from_connection_string(bus.connection_string)
    asked = []

    async def short(audience: str) -> Token:
        asked.append(audience)
        token = await address.get_token(audience)
        return token._replace(expires_at=0)

    connection = await AmqpConnection.open(address)
    allowed = Authorization(connection, replace(address, get_token=short), "in")
    await allowed.open()
    await eventually_async(lambda: len(asked) > 2)
    allowed.close()
    connection.close()


async def test_a_message_is_sent_in_parts_and_accepted(bus: InProcess) -> None:
    async with opened(bus) as connection:
        link = SendingLink(connection, "in")
        await link.open()
        await link.send(b"\x00\x53\x75\xb0" + (200_000).to_bytes(4) + bytes(200_000))
        with pytest.raises(AmqpError, match="size"):
            await link.send(b"\x00\x53\x75\xb0" + (300_000).to_bytes(4) + bytes(300_000))
        queue = next(each for each in bus.server.namespace if each.path == "in")
        assert len(queue) == 1


async def test_messages_go_in_as_few_transfers_as_the_size_allows(bus: InProcess) -> None:
    small = [encode_message(bytes(100), message_id="", content_type="a/b") for _ in range(5)]
    large = encode_message(bytes(1000), message_id="", content_type="a/b")
    sizes = [len(small[0]) + 8, len(large) + 8]
    transfers = list(in_transfers([*small, large], 3 * sizes[0]))
    assert [each.message_format for each in transfers] == [BATCH, BATCH, SINGLE]
    assert [len(each.content) for each in transfers][:1] == [3 * (len(small[0]) + 5)]
    async with opened(bus) as connection:
        link = SendingLink(connection, "in")
        await link.open()
        for each in transfers:
            await link.send(each.content, each.message_format)
        queue = next(each for each in bus.server.namespace if each.path == "in")
        assert len(queue) == 6
