"""Outputs to an entity that is missing, and to a broker that is away."""

from __future__ import annotations

import asyncio
import time

import pytest

from local.host.app import message_sender
from local.host.app.bindings import Identity
from local.host.app.connections import Connections
from local.host.app.message_sender import MessageSender
from local.host.app.protos import TypedData
from local.host.errors import BindingFailed
from tests.local.emulators.servicebus_in_process import serving

NOWHERE = (
    "Endpoint=sb://127.0.0.1:1;SharedAccessKeyName=n;SharedAccessKey=a;UseDevelopmentEmulator=true"
)


def sender_of(connection_string: str, entity: str) -> MessageSender:
    return MessageSender(Connections({"Bus": connection_string}), "Bus", entity)


async def send(sender: MessageSender, text: str = "{}") -> None:
    await sender.send(TypedData(string=text), "f\nout", [Identity(text)])


async def test_a_missing_entity_fails_all_outputs_at_once(tmp_path) -> None:
    async with serving(tmp_path, {"in": {}}) as bus:
        sender = sender_of(bus.connection_string, "nowhere")
        began = time.monotonic()
        ended = await asyncio.gather(
            *(send(sender, str(number)) for number in range(20)), return_exceptions=True
        )
        assert time.monotonic() - began < message_sender.RETRY_S / 4
        assert {type(each) for each in ended} == {BindingFailed}
        assert "404" in str(ended[0])
        await sender.close()


async def test_an_outage_is_waited_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(message_sender, "RETRY_S", 0.5)
    sender = sender_of(NOWHERE, "out")
    began = time.monotonic()
    sending = [asyncio.create_task(send(sender))]
    await asyncio.sleep(0.1)  # the others come while the first one waits
    sending += [asyncio.create_task(send(sender, str(number))) for number in range(5)]
    ended = await asyncio.gather(*sending, return_exceptions=True)
    assert time.monotonic() - began < 2 * message_sender.RETRY_S
    assert {type(each) for each in ended} == {BindingFailed}


async def test_a_message_that_is_too_large_fails_alone(tmp_path) -> None:
    async with serving(tmp_path, {"out": {}}) as bus:
        sender = sender_of(bus.connection_string, "out")
        ended = await asyncio.gather(
            *(send(sender, text) for text in ("a", "b" * 2_000_000, "c")), return_exceptions=True
        )
        assert [type(each) for each in ended] == [type(None), BindingFailed, type(None)]
        await sender.close()
