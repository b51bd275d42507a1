"""What peers other than the Python SDK do, frame by frame."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from local.emulators.servicebus import connection
from local.emulators.servicebus.amqp import frames, sections
from local.emulators.servicebus.amqp.performatives import Attach, Close, Detach, End, Transfer
from local.emulators.servicebus.amqp.sections import Properties
from local.emulators.servicebus.amqp.values import UInt, ULong
from tests.local.emulators.servicebus_in_process import serving
from tests.local.emulators.servicebus_peer import Peer, condition_of, credit, receiver, sender
from tests.local.emulators.servicebus_process import running


@pytest.fixture(scope="module")
def emulator(tmp_path_factory):
    with running(tmp_path_factory.mktemp("servicebus"), {"q": {}}) as emulator:
        yield emulator


@pytest.fixture
async def peer(emulator):
    async with await Peer.connect(emulator.port) as peer:
        yield peer


async def test_replies_go_to_the_link_that_the_request_names(peer):
    await peer.open()
    for handle, name in ((0, "cbs-a"), (1, "cbs-b")):
        peer.send(receiver(name, handle, "$cbs", name))
        peer.send(credit(handle, 10))
    peer.send(sender("requests", 2, "$cbs"))
    for number, reply_to in enumerate(("cbs-b", "cbs-a", "cbs-b")):
        request = sections.request_response(
            Properties(message_id=ULong(number), reply_to=reply_to),
            {"operation": "put-token", "name": "q"},
            "not a token",
        )
        peer.send(Transfer(UInt(2), UInt(number), bytes([number]), UInt(0)), request)
    replies = [await peer.read_until(Transfer) for _ in range(3)]
    assert [int(transfer.handle) for transfer, _ in replies] == [1, 0, 1]
    for number, (_, payload) in enumerate(replies):
        correlation_id = sections.split(payload).properties.correlation_id
        assert (type(correlation_id), correlation_id) == (ULong, number)
        assert sections.application_properties(payload)["status-code"] == 401


async def test_heartbeats_come_at_half_the_time_that_a_peer_asks_for(peer):
    await peer.open(idle_time_out=UInt(200))
    begin_s = time.monotonic()
    for _ in range(4):
        assert await peer.read_frame() == (None, b"")
    # The first may come at once; between it and the fourth are three pauses.
    assert 0.25 < time.monotonic() - begin_s < 2


async def test_nothing_is_sent_before_the_peers_header(peer):
    peer.write(b"HTTP/1.1")
    assert await peer.read(8) == frames.SASL_HEADER
    assert await peer.ended()


async def test_a_link_without_a_token_is_refused(peer):
    await peer.open()
    peer.send(receiver("r", 0, "q", "r"))
    attach, _ = await peer.read_until(Attach)
    assert (attach.source, attach.target) == (None, None)
    detach, _ = await peer.read_until(Detach)
    assert detach.closed
    assert condition_of(detach.error) == "amqp:unauthorized-access"


async def test_a_transfer_without_a_link_ends_the_session_only(peer):
    await peer.open()
    peer.send(Transfer(UInt(9), UInt(0), b"t"), b"x")
    end, _ = await peer.read_until(End)
    assert condition_of(end.error) == "amqp:session:unattached-handle"
    peer.send(Close())
    close, _ = await peer.read_until(Close)
    assert close.error is None


@pytest.mark.parametrize(
    ("data", "condition"),
    [
        (b"\x00\x00\x00\x0c\x02\x00\x00\x00\xff\xff\xff\xff", "amqp:decode-error"),
        (b"\x7f\xff\xff\xff\x02\x00\x00\x00", "amqp:connection:framing-error"),
        (b"\x00\x00\x00\x08\x01\x00\x00\x00", "amqp:connection:framing-error"),
    ],
)
async def test_invalid_frames_close_the_connection(peer, data, condition):
    await peer.open()
    peer.write(data)
    close, _ = await peer.read_until(Close)
    assert condition_of(close.error) == condition
    assert await peer.ended()


async def test_a_disconnect_in_the_middle_of_a_frame_does_no_harm(emulator):
    async with await Peer.connect(emulator.port) as rude:
        await rude.open()
        rude.write(b"\x00\x00\x01\x00\x02")
    async with await Peer.connect(emulator.port) as polite:
        await polite.open()


async def test_a_peer_that_reads_nothing_does_not_keep_the_emulator_from_stopping(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "FLUSH_S", 0.05)
    async with (
        serving(tmp_path, {"q": {}}) as emulator,
        await Peer.connect(emulator.port) as silent,
    ):
        await silent.open()
        (served,) = emulator.server.connections
        served._write(bytes(30_000_000))
        async with asyncio.timeout(5):
            await emulator.server.stop()
        assert not emulator.server.connections
