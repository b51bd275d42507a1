"""A client's access ends when its token expires."""

from __future__ import annotations

import math
import time

import jwt
import pytest

from local.emulators.servicebus.amqp.performatives import Attach, Detach
from tests.local.emulators.servicebus_in_process import serving
from tests.local.emulators.servicebus_peer import Desk, Peer, condition_of, receiver, sender


@pytest.fixture
async def emulator(tmp_path):
    async with serving(tmp_path, {"q": {}, "other": {}}) as emulator:
        yield emulator


@pytest.fixture
async def desk(emulator):
    async with await Peer.connect(emulator.port) as peer:
        await peer.open()
        yield Desk(peer)


def _soon():
    """In one or two seconds: tokens know whole seconds only."""
    return int(time.time()) + 2


async def test_a_link_is_detached_with_a_reason_when_its_token_expires(emulator, desk):
    until_s = _soon()
    assert await desk.put("q", until_s) == 200
    desk.peer.send(receiver("r", 2, "q", "r"))
    desk.peer.send(sender("s", 3, "q"))
    ends = [(await desk.peer.read_until(Detach))[0] for _ in range(2)]
    assert time.time() >= until_s
    assert {int(end.handle) for end in ends} == {2, 3}
    assert {condition_of(end.error) for end in ends} == {"amqp:unauthorized-access"}
    # Only those at `$cbs` are left, to put another token.
    assert {link.path for link in emulator.links()} == {None}


async def test_a_link_with_a_renewed_token_stays_attached(emulator, desk):
    until_s = _soon()
    await desk.put("q", until_s)
    await desk.put("other", until_s)
    desk.peer.send(receiver("r", 2, "q", "r"))
    desk.peer.send(receiver("o", 3, "other", "o"))
    assert await desk.put("q", until_s + 3600) == 200
    end, _ = await desk.peer.read_until(Detach)
    assert int(end.handle) == 3
    assert {link.path for link in emulator.links()} == {None, "q"}


def _identity_token(**claims):
    return jwt.encode(claims, "a key that nobody knows but this test", algorithm="HS256")


AUDIENCE = "https://servicebus.azure.net"


async def test_a_link_stays_attached_by_the_tokens_of_an_identity(desk):
    until_s = _soon()
    assert await desk.put("q", token=_identity_token(aud=AUDIENCE, exp=until_s)) == 200
    desk.peer.send(receiver("r", 2, "q", "r"))
    assert await desk.put("q", token=_identity_token(aud=f"{AUDIENCE}/", exp=until_s + 1)) == 200
    end, _ = await desk.peer.read_until(Detach)
    assert time.time() >= until_s + 1
    assert (int(end.handle), condition_of(end.error)) == (2, "amqp:unauthorized-access")


@pytest.mark.parametrize(
    "token",
    [
        _identity_token(aud=AUDIENCE, exp=1),
        _identity_token(aud=AUDIENCE, exp=math.inf),
        _identity_token(aud="https://storage.azure.com", exp=2**32),
        _identity_token(aud=AUDIENCE),
        _identity_token(aud=AUDIENCE, exp="soon"),
        "a.token",
        "not.a.token",
        "...",
        "a.W10.b",
        "a.MQ.b",
    ],
)
async def test_a_token_of_another_kind_time_or_audience_is_refused(desk, token):
    assert await desk.put("q", token=token) == 401


async def test_an_expired_token_allows_nothing(desk):
    assert await desk.put("q", int(time.time()) - 1) == 401
    desk.peer.send(receiver("r", 2, "q", "r"))
    end, _ = await desk.peer.read_until(Detach)
    assert condition_of(end.error) == "amqp:unauthorized-access"


async def test_a_token_for_the_management_of_a_queue_is_no_token_for_the_queue(desk):
    assert await desk.put("q/$management", _soon() + 3600) == 200
    desk.peer.send(receiver("m", 2, "q/$management", "m"))
    desk.peer.send(receiver("r", 3, "q", "r"))
    granted, _ = await desk.peer.read_until(Attach)
    assert granted.source is not None
    end, _ = await desk.peer.read_until(Detach)
    assert int(end.handle) == 3
