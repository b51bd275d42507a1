"""How long a blob may take, and what a read that its caller gave up still holds."""

import asyncio
import threading
from types import SimpleNamespace

import pytest
from azure.core.exceptions import AzureError

from inference.errors import Overloaded
from inference.rows.body_budget import BodyBudget
from tests.waiting import eventually_async
from triggers.storage import lazy_container, whole_blobs
from triggers.storage.lazy_container import THREADS, LazyContainer
from triggers.storage.whole_blobs import WholeBlobs


class SlowBlobs:
    """Reads a blob until it is released or stopped."""

    def __init__(self):
        self.released, self.stopped = threading.Event(), 0

    def read(self, _name, _etag, is_stopped):
        while not self.released.wait(0.01):
            if is_stopped():
                self.stopped += 1
                raise AzureError("stopped")
        return b"rows"


class DeafBlobs(SlowBlobs):
    """Waits for storage: it can't be stopped before the next part."""

    def read(self, name, etag, _is_stopped):
        return super().read(name, etag, lambda: False)


@pytest.fixture
def open_blobs(monkeypatch):
    monkeypatch.setattr(lazy_container, "CALL_S", 0.05)

    def open_blobs(blobs):
        container = LazyContainer({}, "claims")
        container._opened = blobs
        return container

    return open_blobs


async def read(container, budget, size):
    hold = await budget.take(size, patient=True)
    properties = SimpleNamespace(etag="1", size=size)
    async with container.opened("rows.csv", properties, hold) as content:
        assert budget._any.held == size
        return content


async def test_a_large_blob_may_take_longer(open_blobs, monkeypatch):
    monkeypatch.setattr(lazy_container, "SLOWEST_BYTES_PER_S", 100)
    blobs, budget = SlowBlobs(), BodyBudget(10_000)
    container = open_blobs(blobs)
    asyncio.get_running_loop().call_later(0.3, blobs.released.set)
    assert await read(container, budget, 1000) == b"rows"
    assert budget._any.held == 0


async def test_reads_that_are_given_up_stop_and_leave_their_threads(open_blobs):
    blobs, budget = SlowBlobs(), BodyBudget(10_000)
    container = open_blobs(blobs)
    for _ in range(THREADS + 1):
        with pytest.raises(Overloaded, match="storage did not answer within"):
            await read(container, budget, 1000)
        await eventually_async(lambda: budget._any.held == 0)
    assert blobs.stopped == THREADS + 1


@pytest.mark.parametrize("ended", ["late", "cancelled"])
async def test_memory_is_given_back_when_the_thread_ends(open_blobs, ended):
    blobs, budget = DeafBlobs(), BodyBudget(10_000)
    reading = asyncio.create_task(read(open_blobs(blobs), budget, 1000))
    if ended == "cancelled":
        await asyncio.sleep(0.01)
        reading.cancel()
    with pytest.raises((Overloaded, asyncio.CancelledError)):
        await reading
    assert budget._any.held == 1000
    blobs.released.set()
    await eventually_async(lambda: budget._any.held == 0)


async def test_memory_is_given_back_when_no_thread_can_read(open_blobs):
    container, budget = open_blobs(SlowBlobs()), BodyBudget(10_000)
    container._threads.shutdown()
    with pytest.raises(RuntimeError):
        await read(container, budget, 1000)
    assert budget._any.held == 0


def test_a_blob_is_read_no_further_once_its_caller_has_gone(monkeypatch):
    parts = iter([b"1" * 10, b"2" * 10, b""])
    stream = SimpleNamespace(read=lambda _size: next(parts))
    monkeypatch.setattr(whole_blobs, "BlobReader", lambda *_: SimpleNamespace(stream=stream))
    blobs = WholeBlobs({"ScoringStorage": "UseDevelopmentStorage=true"}, "claims")
    said = iter([False, True])
    with pytest.raises(AzureError):
        blobs.read("rows.csv", "1", lambda: next(said))
    assert next(parts) == b"2" * 10
