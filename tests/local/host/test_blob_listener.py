"""The blob listener under faults: it scans again after any error, at the real host's pace."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import AsyncIterator
from itertools import count, pairwise
from typing import Any

import pytest
from azure.core.exceptions import ServiceRequestError
from azure.storage.blob import BlobLeaseClient, BlobServiceClient, ContainerClient
from azure.storage.queue import QueueServiceClient

from local.host.app.bindings import BlobTrigger, Function
from local.host.app.connections import Connections
from local.host.app.runtime import InvocationFailed
from local.host.blob_listener import account_listener, lease, scanner
from local.host.blob_listener.account_listener import BlobListener
from local.host.blob_listener.receipts import Receipts
from local.host.blob_listener.scanner import BlobScanner
from local.host.host_json import BlobOptions
from tests.servers import AzuriteProcess
from tests.waiting import eventually_async

_numbers = count(100)


class Invoker:
    """Records its invocations. `fails` is how often a blob fails."""

    def __init__(self) -> None:
        self.brought: list[tuple[str, float]] = []
        self.fails: dict[str, int] = {}
        self.going = asyncio.Event()
        self.going.set()

    async def run(self, _function: Any, _data: Any, metadata: Any, **_: Any) -> None:
        name = metadata["name"].string
        self.brought.append((name, time.monotonic()))
        await self.going.wait()
        if self.fails.get(name, 0) > 0:
            self.fails[name] -= 1
            raise InvocationFailed("ValueError: no")

    def names(self) -> list[str]:
        return [name for name, _ in self.brought]

    def pauses(self, name: str) -> list[float]:
        times = [at for each, at in self.brought if each == name]
        return [later - earlier for earlier, later in pairwise(times)]


class World:
    """An account with one container that listeners watch."""

    def __init__(self, azurite: AzuriteProcess, number: int) -> None:
        self.env = {"Storage": azurite.connection_string}
        self.container_name = f"watched-{number}"
        self.blobs = BlobServiceClient.from_connection_string(azurite.connection_string)
        self.container: ContainerClient = self.blobs.create_container(self.container_name)
        self.connections = Connections(self.env)
        self.invoker = Invoker()
        self.listeners: list[BlobListener] = []

    def listener(self) -> BlobListener:
        trigger = BlobTrigger(
            name="source",
            path=f"{self.container_name}/{{name}}",
            connection="Storage",
            source="LogsAndContainerScan",
            is_deferred=False,
        )
        function = Function(name="score", id="1", trigger=trigger)
        made = BlobListener(
            "Storage",
            [(function, trigger)],
            self.invoker,  # type: ignore[arg-type] # it fits
            self.connections,
            BlobOptions(max_degree_of_parallelism=4, poison_blob_threshold=5),
        )
        self.listeners.append(made)
        return made

    def poisoned(self) -> list[str]:
        with QueueServiceClient.from_connection_string(self.env["Storage"]) as queues:
            names = [queue.name for queue in queues.list_queues()]
            if "webjobs-blobtrigger-poison" not in names:
                return []
            queue = queues.get_queue_client("webjobs-blobtrigger-poison")
            told = [
                base64.b64decode(message.content).decode() for message in queue.peek_messages(32)
            ]
            return [each for each in told if self.container_name in each]


@pytest.fixture
async def world(azurite: AzuriteProcess, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    number = next(_numbers)
    monkeypatch.setattr(account_listener, "SCAN_S", 0.05)
    monkeypatch.setattr(account_listener, "MAX_PAUSE_S", 0.3)
    monkeypatch.setenv("AzureFunctionsWebHost__hostid", f"host-{number}")
    made = World(azurite, number)
    yield made
    for each in made.listeners:
        await each.stop()
    await made.connections.close()
    made.blobs.close()


def failing_first(
    monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, times: int, error: Exception
) -> None:
    """Let the first so many calls of a method raise."""
    real, left = getattr(owner, name), [error] * times

    def call(*args: Any, **kwargs: Any) -> Any:
        if left:
            raise left.pop()
        return real(*args, **kwargs)

    monkeypatch.setattr(owner, name, call)


@pytest.mark.parametrize("error", [KeyError("odd"), RecursionError(), ServiceRequestError("away")])
@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (lease.ScanLease, "acquire"),
        (Receipts, "load"),
        (BlobScanner, "_find"),
        (Receipts, "get"),
        (Receipts, "write"),
    ],
)
async def test_after_any_error_in_a_scan_the_next_scan_finds_the_blob(
    world: World, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, error: Exception
) -> None:
    failing_first(monkeypatch, owner, name, 2, error)
    world.container.upload_blob("a", b"1")
    await world.listener().start()
    await eventually_async(lambda: "a" in world.invoker.names(), 20)


async def test_after_a_failed_renewal_the_lease_is_renewed_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account_listener, "RENEW_S", 0.02)
    renewed = []
    real = lease.ScanLease.renew

    def renew(self: lease.ScanLease) -> None:
        renewed.append(1)
        if len(renewed) < 4:
            raise KeyError("odd")
        real(self)

    monkeypatch.setattr(lease.ScanLease, "renew", renew)
    await world.listener().start()
    await eventually_async(lambda: len(renewed) > 6, 20)


async def test_a_scanner_that_keeps_failing_gives_its_lease_to_another_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = world.listener(), world.listener()
    world.container.upload_blob("a", b"1")
    broken = first._scanners[0]

    def fail() -> Any:
        raise KeyError("odd")

    monkeypatch.setattr(broken, "_find", fail)
    await first.start()
    await eventually_async(lambda: first._failures > 1, 20)
    await second.start()
    await eventually_async(lambda: "a" in world.invoker.names(), 20)


async def test_blobs_listed_before_a_listing_fails_are_processed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b", "c"):
        world.container.upload_blob(name, b"1")
    real = ContainerClient.list_blobs

    def half(self: ContainerClient, *args: Any, **kwargs: Any) -> Any:
        for number, blob in enumerate(real(self, *args, **kwargs)):
            if number == 2 and self.container_name == world.container_name:
                raise KeyError("odd")
            yield blob

    monkeypatch.setattr(ContainerClient, "list_blobs", half)
    await world.listener().start()
    await eventually_async(lambda: {"a", "b"} <= set(world.invoker.names()), 20)


async def test_a_failed_blob_is_retried_within_half_a_second_five_tries_in_all(
    world: World,
) -> None:
    world.invoker.fails = {"bad": 99, "late": 3}
    world.container.upload_blob("bad", b"1")
    world.container.upload_blob("late", b"1")
    await world.listener().start()
    await eventually_async(world.poisoned, 20)
    await eventually_async(lambda: len(world.invoker.pauses("late")) == 3, 20)
    assert len(world.invoker.pauses("bad")) == 4
    for pause_s in world.invoker.pauses("bad") + world.invoker.pauses("late"):
        # A busy machine's share on top.
        assert 0.1 <= pause_s <= 1.5
    await world.listeners[0].stop()
    assert world.invoker.names().count("bad") == 5


async def test_a_blob_replaced_between_two_tries_gets_all_its_tries(
    world: World,
) -> None:
    world.invoker.fails = {"a": 4}
    world.invoker.going.clear()
    world.container.upload_blob("a", b"1")
    await world.listener().start()
    await eventually_async(world.invoker.names, 20)
    world.container.upload_blob("a", b"2", overwrite=True)
    world.invoker.going.set()
    # One try of the first version, and three and a success of the second.
    await eventually_async(lambda: len(world.invoker.names()) == 5, 20)
    await world.listeners[0].stop()
    assert world.poisoned() == []


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"tries": "x", "state": "y"},
        {"tries": "9" * 5000},
        {"tries": "-1", "state": "running"},
        {"tries": "\u0665".encode().hex(), "state": "DONE"},
    ],
)
async def test_a_damaged_receipt_counts_as_no_tries(world: World, metadata: dict[str, str]) -> None:
    blob = world.container.upload_blob("a", b"1")
    etag = blob.get_blob_properties().etag.strip('"')
    listener = world.listener()
    hosts = world.blobs.get_container_client("azure-webjobs-hosts")
    if not hosts.exists():
        hosts.create_container()
    name = f"{listener._receipts._prefix}score/{world.container_name}/a/{etag}"
    hosts.upload_blob(name, b"", metadata=metadata)
    await listener.start()
    await eventually_async(lambda: world.invoker.names() == ["a"], 20)


async def test_a_damaged_lock_blob_is_waited_for_until_its_lease_expires(world: World) -> None:
    listener = world.listener()
    assert not listener._lease.acquire()  # made by this, and not yet taken
    blob = listener._lease._blob
    blob.set_blob_metadata({"machine": lease._machine(), "pid": "9" * 40})
    assert listener._lease.acquire()
    listener._lease.release()
    other = BlobLeaseClient(blob)
    other.acquire(15)
    assert not listener._lease.acquire()
    other.release()
    world.container.upload_blob("a", b"1")
    await listener.start()
    await eventually_async(world.invoker.names, 20)


NAMES = [
    "a//b.csv",
    "dot.",
    "tr/",
    "q?x#y&z=%20.csv",
    "new\nline.csv",
    " spaces .csv",
    "\u00fc\u4e2d\U0001f600.csv",
    "x" * 1000,
    "/".join("a" * 250),
    "'quotes\".csv",
    "{name}.csv",
    "~.csv",
]


async def test_blobs_of_any_name_are_processed_once(world: World) -> None:
    for name in NAMES:
        world.container.upload_blob(name, b"1")
    await world.listener().start()
    await eventually_async(lambda: set(NAMES) <= set(world.invoker.names()), 30)
    await world.listeners[0].stop()
    assert sorted(world.invoker.names()) == sorted(NAMES)
    world.invoker.brought.clear()
    again = world.listener()
    await again.start()
    world.container.upload_blob("last", b"1")
    await eventually_async(lambda: "last" in world.invoker.names(), 20)
    assert world.invoker.names() == ["last"]


async def test_while_enough_blobs_wait_the_container_is_not_listed_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scanner, "ENOUGH", 2)
    world.invoker.going.clear()
    for name in ("a", "b", "c"):
        world.container.upload_blob(name, b"1")
    listener = world.listener()
    await listener.start()
    await eventually_async(lambda: len(world.invoker.names()) == 3, 20)
    world.container.upload_blob("later", b"1")
    listings = 0
    real = BlobScanner._find

    def counted(self: BlobScanner) -> Any:
        nonlocal listings
        listings += 1
        return real(self)

    monkeypatch.setattr(BlobScanner, "_find", counted)
    scans = 0
    scan = BlobScanner.scan

    async def counted_scan(self: BlobScanner) -> None:
        nonlocal scans
        scans += 1
        await scan(self)

    monkeypatch.setattr(BlobScanner, "scan", counted_scan)
    await eventually_async(lambda: scans >= 3, 20)
    assert listings == 0
    world.invoker.going.set()
    await eventually_async(lambda: "later" in world.invoker.names(), 20)


async def test_a_receipt_that_was_deleted_is_written_again(world: World) -> None:
    world.invoker.going.clear()
    world.container.upload_blob("a", b"1")
    await world.listener().start()
    await eventually_async(world.invoker.names, 20)
    receipts = world.blobs.get_container_client("azure-webjobs-hosts")

    def states() -> list[str]:
        listed = receipts.list_blobs(name_starts_with="blobreceipts/", include=["metadata"])
        return [each.metadata["state"] for each in listed if world.container_name in each.name]

    assert states() == ["running"]
    for each in receipts.list_blobs(name_starts_with="blobreceipts/"):
        if world.container_name in each.name:
            receipts.delete_blob(each.name)
    world.invoker.going.set()
    await eventually_async(lambda: states() == ["done"], 20)
