"""The listener's link of a queue: settling and renewing across failures, against the emulator."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from azure.servicebus import ServiceBusClient, ServiceBusMessage

from local.host.app.connections import Connections
from local.host.service_bus_listener.link import Link
from tests.local.emulators.servicebus_in_process import InProcess, serving
from tests.waiting import eventually_async


@pytest.fixture
async def bus(tmp_path: Path) -> AsyncIterator[InProcess]:
    async with serving(tmp_path, {"in": {"LockDuration": "PT5S"}}) as serve:
        yield serve


@pytest.fixture
async def link(bus: InProcess) -> AsyncIterator[Link]:
    link = Link(Connections({"Bus": bus.connection_string}), "Bus", "in", credit=8)
    yield link
    await link.close()


async def send(bus: InProcess, count: int) -> None:
    def send() -> None:
        with (
            ServiceBusClient.from_connection_string(bus.connection_string) as client,
            client.get_queue_sender("in") as sender,
        ):
            sender.send_messages([ServiceBusMessage(b"%d" % number) for number in range(count)])

    await asyncio.to_thread(send)


async def test_a_message_is_never_settled_over_a_later_connection(
    bus: InProcess, link: Link, caplog: pytest.LogCaptureFixture
) -> None:
    await send(bus, 2)
    await link.receive(1)
    await eventually_async(lambda: bus.locks() == 2)
    first = await link.receive(1)
    await link.close()  # as after a failure, while a function works on the message
    await eventually_async(lambda: not bus.locks())
    again = await link.receive(2)
    assert again[0].delivery.number <= first[0].delivery.number
    await link.settle_batch(first, done=True)
    assert "cannot complete" in caplog.text
    with pytest.raises(ConnectionError):
        await link.settle("complete", first[0])
    assert (bus.messages(), bus.locks()) == (2, 2)
    await link.settle_batch(again, done=True)
    assert bus.messages() == 0


async def test_renewals_work_again_after_one_was_cancelled(bus: InProcess, link: Link) -> None:
    await send(bus, 2)
    await link.receive(1)
    await eventually_async(lambda: bus.locks() == 2)
    (second,) = await link.receive(1)
    cancelled = asyncio.create_task(link.renew(second))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    cancelled.cancel()
    await asyncio.wait([cancelled])
    second.locked_until = 0.0
    assert await link.renew(second)
    assert second.locked_until > 0


async def test_the_locks_of_a_batch_are_renewed_though_one_is_lost(
    bus: InProcess, link: Link
) -> None:
    await send(bus, 2)
    await link.receive(0)
    await eventually_async(lambda: bus.locks() == 2)
    settled, held = await link.receive(2)
    asked: list[object] = []
    manage = link._manage

    async def counted(operation: str, body: object) -> object:
        asked.append(body)
        return await manage(operation, body)

    link._manage = counted  # type: ignore[method-assign]
    assert await link.renew(settled, held)
    assert len(asked) == 1
    await link.settle("complete", settled)
    held.locked_until = 0.0
    assert not await link.renew(settled, held)
    assert held.locked_until > 0
    assert settled.locked_until == 0
