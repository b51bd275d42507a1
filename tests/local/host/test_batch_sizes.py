"""Batches of any size: none is much slower than another, and no message is released unread."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import pytest
from azure.servicebus import ServiceBusClient, ServiceBusMessage

from local.emulators.servicebus.broker.message_queue import MessageQueue
from tests.local.emulators.servicebus_in_process import InProcess, serving
from tests.servers import HostProcess, free_port
from tests.waiting import eventually_async

SIZES = (1, 16, 64, 256, 1000)
#: Bytes of a body, and how many are sent.
KINDS = {1_000: 500, 100_000: 60}
#: Rounds at most: other tests may disturb one, and what is too slow stays so.
ROUNDS = 3
AT_ONCE_BYTES = 200_000

SCRIPT = """
import typing
import azure.functions as func
app = func.FunctionApp()
@app.service_bus_queue_trigger(
    "messages", "Bus", "in", data_type=func.DataType.BINARY, cardinality=func.Cardinality.MANY
)
async def batch(messages: typing.List[func.ServiceBusMessage]) -> None:
    pass
"""


class Measured:
    """A host with one size of batches, and the queue that it reads, in this process."""

    def __init__(self, bus: InProcess, host: HostProcess) -> None:
        self._bus, self.host = bus, host
        self.released: list[UUID] = []
        release = self.queue.release

        def counted(token: UUID) -> None:
            self.released.append(token)
            release(token)

        self.queue.release = counted  # type: ignore[method-assign]

    @property
    def locks(self) -> int:
        return self._bus.locks()

    @property
    def queue(self) -> MessageQueue:
        return next(queue for queue in self._bus.server.namespace if queue.settings.name == "in")

    async def messages_a_second(self, size: int, number: int) -> float:
        """From the first that is sent to the last that is completed."""
        began = time.perf_counter()
        await asyncio.to_thread(self.send, size, number)
        await eventually_async(lambda: len(self.queue) == 0, 60)
        return number / (time.perf_counter() - began)

    def send(self, size: int, number: int) -> None:
        at_once = max(1, AT_ONCE_BYTES // size)
        with (
            ServiceBusClient.from_connection_string(self._bus.connection_string) as client,
            client.get_queue_sender("in") as sender,
        ):
            for first in range(0, number, at_once):
                count = min(at_once, number - first)
                sender.send_messages([ServiceBusMessage(bytes(size)) for _ in range(count)])


def an_app(folder: Path, batch_size: int, script: str, timeout: str, prefetch: int) -> None:
    folder.mkdir()
    (folder / "function_app.py").write_text(script)
    bus = {"maxMessageBatchSize": batch_size, "prefetchCount": prefetch}
    options = {"extensions": {"serviceBus": bus}}
    document = {"version": "2.0", "functionTimeout": timeout, **options}
    (folder / "host.json").write_text(json.dumps(document))


@asynccontextmanager
async def measured(
    folder: Path,
    batch_size: int,
    *,
    script: str = SCRIPT,
    lock: str = "PT1M",
    timeout: str = "00:01:00",
    prefetch: int = 0,
) -> AsyncIterator[Measured]:
    await asyncio.to_thread(an_app, folder, batch_size, script, timeout, prefetch)
    async with serving(folder, {"in": {"LockDuration": lock, "MaxDeliveryCount": 2}}) as bus:
        env = {"Bus": bus.connection_string}
        host = HostProcess(folder, env, (), folder / "host.log", port=free_port())
        try:
            await asyncio.to_thread(host.wait_ready)
            yield Measured(bus, host)
        finally:
            await asyncio.to_thread(host.stop)


@pytest.mark.long
@pytest.mark.timeout(240)
@pytest.mark.parametrize("size", KINDS)
async def test_no_batch_size_is_slower_than_half_the_fastest_and_nothing_is_released(
    tmp_path: Path, size: int
) -> None:
    rates = dict.fromkeys(SIZES, 0.0)
    for number in range(ROUNDS):
        for batch_size in SIZES:
            async with measured(tmp_path / f"{number}-{batch_size}", batch_size) as each:
                rate = await each.messages_a_second(size, KINDS[size])
                assert each.released == []
            rates[batch_size] = max(rates[batch_size], rate)
        if min(rates.values()) > max(rates.values()) / 2:
            return
    pytest.fail(str(rates))


LONG = """
    tries = [(len(message.get_body()), message.delivery_count) for message in messages]
    print("tried", tries)
    if (1, 1) in tries:
        await asyncio.sleep(6)
"""


@pytest.mark.long
async def test_messages_that_wait_for_a_long_batch_stay_locked(tmp_path: Path) -> None:
    script = "import asyncio\n" + SCRIPT.replace("    pass\n", LONG)
    async with measured(tmp_path / "long", 4, script=script, lock="PT5S") as each:
        await asyncio.to_thread(each.send, 1, 1)
        await eventually_async(lambda: "tried" in each.host.log())
        await asyncio.to_thread(each.send, 10, 6)
        await eventually_async(lambda: len(each.queue) == 0, 30)
        # The first took longer than a lock lasts. The others waited and were delivered once.
        assert "(1, 2)" in each.host.log()
        assert "(10, 2)" not in each.host.log()
        assert each.released == []


async def test_a_batch_over_its_functions_timeout_is_abandoned_at_once(tmp_path: Path) -> None:
    script = "import asyncio\n" + SCRIPT.replace("    pass", "    await asyncio.sleep(3600)")
    async with measured(tmp_path / "hangs", 4, script=script, timeout="00:00:01") as each:
        await asyncio.to_thread(each.send, 1, 1)
        await eventually_async(lambda: len(each.queue) == 0, 10)
        assert each.queue.dead_letters is not None
        assert len(each.queue.dead_letters) == 1
        assert each.host.log().count("failed: FunctionTimeoutException") == 2


@pytest.mark.long
@pytest.mark.parametrize(("prefetch", "credit"), [(20, 20), (0, 8)])
async def test_while_a_batch_runs_as_many_messages_are_fetched_as_host_json_says(
    tmp_path: Path, prefetch: int, credit: int
) -> None:
    """Without prefetchCount a batch, but at least 8 messages, is received ahead."""
    script = "import asyncio\n" + SCRIPT.replace("    pass", "    await asyncio.sleep(3600)")
    async with measured(tmp_path / "app", 4, script=script, prefetch=prefetch) as each:
        await asyncio.to_thread(each.send, 1, 50)
        await eventually_async(lambda: each.locks >= credit, 10)
        await asyncio.sleep(1)
        assert credit <= each.locks <= credit + 4
