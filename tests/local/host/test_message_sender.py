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


def send_to_nobody(sender: MessageSender, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the broker never answer."""

    async def never(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(sender, "_send", never)


@pytest.mark.parametrize("turns", [0, 3])
async def test_every_output_has_an_outcome_when_the_sending_task_is_cancelled(
    monkeypatch: pytest.MonkeyPatch, turns: int
) -> None:
    """Before its first step, and during a transfer."""
    sender = sender_of(NOWHERE, "out")
    send_to_nobody(sender, monkeypatch)
    outputs = [asyncio.create_task(send(sender, str(number))) for number in range(3)]
    for _ in range(1 + turns):
        await asyncio.sleep(0)
    outputs.append(asyncio.create_task(send(sender, "late")))
    await asyncio.sleep(0)
    assert sender._sending is not None
    sender._sending.cancel()
    async with asyncio.timeout(5):
        ended = await asyncio.gather(*outputs, return_exceptions=True)
    assert {type(each) for each in ended} == {BindingFailed}


async def test_an_output_that_comes_in_the_last_turn_of_sending_is_sent(tmp_path) -> None:
    async with serving(tmp_path, {"out": {}}) as bus:
        sender = sender_of(bus.connection_string, "out")
        async with asyncio.timeout(20):
            for text in "abc":
                await send(sender, text)
        await sender.close()


async def test_closing_does_not_wait_for_a_broker_that_does_not_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(message_sender, "CLOSE_S", 0.01)
    sender = sender_of(NOWHERE, "out")
    send_to_nobody(sender, monkeypatch)
    output = asyncio.create_task(send(sender))
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await sender.close()
        with pytest.raises(BindingFailed):
            await output
