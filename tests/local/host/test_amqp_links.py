"""Links of the host's AMQP client, against a peer that follows a script."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest

from local.emulators.servicebus.amqp.composites import Composite
from local.emulators.servicebus.amqp.errors import AmqpError
from local.emulators.servicebus.amqp.outcomes import Accepted
from local.emulators.servicebus.amqp.performatives import (
    Attach,
    Detach,
    Disposition,
    Error,
    Transfer,
)
from local.emulators.servicebus.amqp.values import Symbol, UInt
from local.host.amqp_client import frame_stream
from local.host.amqp_client.receiving_link import ReceivingLink
from local.host.amqp_client.sending_link import SendingLink
from tests.local.host.scripted_peer import SHIFT, accept, connected, detach
from tests.waiting import eventually_async


def accept_all(performative: Composite) -> Iterable[Composite]:
    match performative:
        case Attach():
            return accept(performative)
        case Detach():
            return [detach(performative.handle)]
        case Transfer(delivery_id=number) if number is not None:
            state = Accepted().described()
            return [Disposition(role=True, first=number, settled=True, state=state)]
    return []


def accept_links(performative: Composite) -> Iterable[Composite]:
    """Answer no transfers and no detaches."""
    return accept(performative) if isinstance(performative, Attach) else []


async def test_a_peer_may_number_links_as_it_likes() -> None:
    async with connected(accept_all) as (connection, peer):
        sending, receiving = SendingLink(connection, "out"), ReceivingLink(connection, "in")
        await sending.open()
        await receiving.open()
        async with asyncio.timeout(5):
            await sending.send(b"body")
        peer.send(Transfer(UInt(receiving.handle + SHIFT), UInt(0), b"tag"))
        assert await receiving.arrived(5)
        peer.send(detach(sending.handle))
        await eventually_async(lambda: sending.error)
        assert receiving.error is None


async def test_a_detach_is_answered_and_its_handle_used_again() -> None:
    async with connected(accept_all, handle_max=0) as (connection, peer):
        for _ in range(2):
            link = SendingLink(connection, "out")
            await link.open()
            assert link.handle == 0
            peer.send(detach(0))
            await eventually_async(lambda: Detach(UInt(0), closed=True) in peer.frames)
            peer.frames.clear()
        link = SendingLink(connection, "out")
        await link.open()
        with pytest.raises(ConnectionError, match="only 1 link"):
            await SendingLink(connection, "out").open()
        link.detach()
        with pytest.raises(ConnectionError):
            await link.send(b"body")
        await eventually_async(lambda: peer.frames[-1] == Detach(UInt(0), closed=True))
        # It was the answer to this end's detach, and gets none.
        await SendingLink(connection, "out").open()
        assert [type(each) for each in peer.frames][-2:] == [Detach, Attach]


async def test_a_message_in_flight_fails_with_its_link() -> None:
    async with connected(accept_links) as (connection, peer):
        link, other = SendingLink(connection, "out"), SendingLink(connection, "other")
        await link.open()
        await other.open()
        sending = [asyncio.create_task(each.send(b"body")) for each in (link, other)]
        await eventually_async(lambda: sum(isinstance(each, Transfer) for each in peer.frames) == 2)
        peer.send(detach(link.handle, Error(Symbol("amqp:link:detach-forced"), "idle")))
        with pytest.raises(AmqpError, match="idle"):
            async with asyncio.timeout(5):
                await sending[0]
        assert not sending[1].done()
        sending[1].cancel()


async def test_a_send_that_is_cancelled_leaves_nothing_behind() -> None:
    async with connected(accept_links) as (connection, peer):
        link = SendingLink(connection, "out")
        await link.open()
        sending = asyncio.create_task(link.send(b"body"))
        await eventually_async(lambda: any(isinstance(each, Transfer) for each in peer.frames))
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        assert (len(connection.sent), link._in_flight) == (0, set())
        # The outcome that comes later is nobody's.
        state = Accepted().described()
        peer.send(Disposition(role=True, first=UInt(0), settled=True, state=state))
        sending = asyncio.create_task(link.send(b"body"))
        await asyncio.sleep(0.05)
        assert not sending.done()
        peer.send(Disposition(role=True, first=UInt(1), settled=True, state=state))
        async with asyncio.timeout(5):
            await sending


async def test_a_settlement_fails_with_its_link() -> None:
    async with connected(accept_links) as (connection, peer):
        link, other = ReceivingLink(connection, "in"), ReceivingLink(connection, "other")
        await link.open()
        await other.open()
        settling, others = link.settle(1, 3, Accepted()), other.settle(4, 4, Accepted())
        peer.send(detach(link.handle, Error(Symbol("amqp:link:detach-forced"), "idle")))
        with pytest.raises(AmqpError, match="idle"):
            async with asyncio.timeout(2):
                await settling
        with pytest.raises(AmqpError, match="idle"):
            link.settle(1, 3, Accepted())
        assert (others.done(), len(connection.received)) == (False, 1)


async def test_a_peer_that_does_not_answer_an_attach_is_waited_for_a_limited_time() -> None:
    async with connected(lambda _: []) as (connection, peer):
        link = ReceivingLink(connection, "in")
        with pytest.raises(TimeoutError):
            await link.open(open_s=0.05)
        await eventually_async(lambda: Detach(link.handle, closed=True) in peer.frames)


async def test_a_silent_peer_is_given_up_though_it_reads_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(frame_stream, "FLUSH_S", 0.05)
    async with connected(accept_links) as (connection, peer):
        link = SendingLink(connection, "out")
        await link.open()
        peer.transport.pause_reading()
        transport = connection.stream._transport
        assert transport is not None
        sending = asyncio.create_task(link.send(bytes(30_000_000)))
        await eventually_async(transport.get_write_buffer_size)
        lost = asyncio.Event()
        monkeypatch.setattr(connection.stream, "connection_lost", lambda _: lost.set())
        monkeypatch.setattr(frame_stream, "IDLE_TIME_OUT_MS", 0)
        connection.stream._watch()
        async with asyncio.timeout(5):
            await lost.wait()
            with pytest.raises(ConnectionError):
                await sending


async def test_a_message_that_waits_for_credit_fails_with_its_link() -> None:
    async with connected(accept_links) as (connection, _):
        link = SendingLink(connection, "out")
        await link.open()
        link._credit = 0
        sending = asyncio.create_task(link.send(b"message"))
        await asyncio.sleep(0)
        connection.close()
        async with asyncio.timeout(5):
            with pytest.raises(ConnectionError):
                await sending
