"""`requeue` on Azurite and the broker: failed inputs are sent again as they were."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.servicebus import ServiceBusMessage, ServiceBusSubQueue
from azure.servicebus.aio import ServiceBusClient
from azure.servicebus.amqp import AmqpAnnotatedMessage
from azure.storage.blob import BlobServiceClient, ContentSettings
from azure.storage.queue import QueueServiceClient, TextBase64EncodePolicy

from deploy import app_settings
from deploy.connections import POISON_QUEUE
from deploy.requeue import Choice, Outcome, Summary, requeue
from local.host.blob_listener import poison
from tests.run_python import run_python
from tests.servers import AzuriteProcess, BrokerProcess
from tests.waiting import eventually_async

ROOT = Path(__file__).resolve().parents[2]
QUEUE = "scoring-requests"


@dataclass
class World:
    """An account and a namespace, empty at first."""

    env: dict[str, str]
    blobs: BlobServiceClient
    queues: QueueServiceClient
    bus: ServiceBusClient
    outcomes: list[Outcome] = field(default_factory=list)
    buried: bool = False

    def give_up(self, name: str, *, reason: str = "", content: bytes = b"1,2,3\n") -> str:
        """A blob in the poison queue, with a report where it has a reason; its ETag."""
        blob = self.blobs.get_container_client("scoring-input").upload_blob(
            name,
            content,
            overwrite=True,
            metadata={"who": "me"},
            content_settings=ContentSettings(content_type="text/csv", content_encoding="gzip"),
        )
        properties = blob.get_blob_properties()
        poison.send(self.queues, "score_blob", properties)
        etag = str(properties.etag)
        if reason:
            report = {"etag": etag, "error": {"code": reason, "message": f"why {name}"}}
            self.blobs.get_container_client("scoring-output").upload_blob(
                f"{name}.report.json", json.dumps(report), overwrite=True
            )
        return etag

    def etag(self, name: str) -> str:
        blob = self.blobs.get_blob_client("scoring-input", name)
        return str(blob.get_blob_properties().etag)

    async def bury(self, *messages: Any, reason: str = "MaxDeliveryCountExceeded") -> None:
        """Messages in the dead-letter queue."""
        self.buried = True
        async with self.bus.get_queue_sender(QUEUE) as sender:
            await sender.send_messages(list(messages))
        async with self.bus.get_queue_receiver(QUEUE) as receiver:
            left = len(messages)
            while left:
                for message in await receiver.receive_messages(left, max_wait_time=5):
                    await receiver.dead_letter_message(message, reason=reason)
                    left -= 1

    async def taken(self, *, dead: bool = False) -> list[Any]:
        """The messages that are there, which are then gone."""
        sub_queue = ServiceBusSubQueue.DEAD_LETTER if dead else None
        found = []
        async with self.bus.get_queue_receiver(QUEUE, sub_queue=sub_queue) as receiver:
            while messages := await receiver.receive_messages(100, max_wait_time=0.3):
                for message in messages:
                    await receiver.complete_message(message)
                    found.append(message)
        return found

    def poisoned(self) -> list[str]:
        queue = self.queues.get_queue_client(POISON_QUEUE)
        return sorted(
            json.loads(base64.b64decode(message.content))["BlobName"]
            for message in queue.peek_messages(32)
        )

    async def run(self, *names: str, **settings: Any) -> Summary:
        choice = Choice(
            names=names, reason=settings.pop("reason", ""), all=settings.pop("all", False)
        )
        # To open and close a link takes the SDK a second.
        triggers = {} if self.buried else {"TRIGGERS": "blob"}
        app = app_settings.read(ROOT, env=self.env | triggers, file=Path("none"))
        self.outcomes.clear()
        return await requeue(app, choice, **settings, report=self.outcomes.append)

    @property
    def text(self) -> str:
        return "\n".join(map(str, self.outcomes))


@pytest.fixture
async def world(azurite: AzuriteProcess, servicebus: BrokerProcess) -> AsyncIterator[World]:
    env = {
        "ScoringStorage": azurite.connection_string,
        "ServiceBusConnection": servicebus.connection_string,
    }
    async with ServiceBusClient.from_connection_string(servicebus.connection_string) as bus:
        blobs = BlobServiceClient.from_connection_string(azurite.connection_string)
        queues = QueueServiceClient.from_connection_string(azurite.connection_string)
        made = World(env, blobs, queues, bus)
        for name in ("scoring-input", "scoring-output"):
            if not blobs.get_container_client(name).exists():
                blobs.create_container(name)
        queue = queues.get_queue_client(POISON_QUEUE)
        try:
            queue.clear_messages()
        except ResourceNotFoundError:
            queue.create_queue()
        yield made
        if made.buried:
            await made.taken()
            await made.taken(dead=True)
        blobs.close()
        queues.close()


@pytest.mark.long
async def test_without_a_choice_all_are_listed_with_reason_and_age_and_nothing_is_sent(
    world: World,
) -> None:
    etag = world.give_up("a.csv", reason="tries_exhausted")
    world.give_up("deep/b.csv")
    await world.bury(ServiceBusMessage(b"[[1,2,3]]", message_id="m1"))
    for order in ({}, {"all": True, "dry_run": True}):
        summary = await world.run(**order)
        told = world.text
        assert re.search(r"blob +\d+ s  tries_exhausted  scoring-input/a\.csv", told)
        assert re.search(r"blob +\d+ s  unknown  scoring-input/deep/b\.csv", told)
        assert re.search(r"message +\d+ s  MaxDeliveryCountExceeded  m1", told)
        assert "why a.csv" in told
        assert str(summary) == ("3 would be sent" if order else "3 listed")
    assert world.etag("a.csv") == etag
    assert world.poisoned() == ["a.csv", "deep/b.csv"]
    assert [message.message_id for message in await world.taken(dead=True)] == ["m1"]


async def test_a_blob_is_sent_again_as_a_new_version_and_otherwise_unchanged(
    world: World,
) -> None:
    before = world.give_up("ü b/#1.csv", content=b"4,5,6\n")
    assert str(await world.run("scoring-input/ü b/#1.csv")) == "1 sent"
    blob = world.blobs.get_blob_client("scoring-input", "ü b/#1.csv")
    after = blob.get_blob_properties()
    assert after.etag != before
    assert after.metadata == {"who": "me"}
    settings = after.content_settings
    assert (settings.content_type, settings.content_encoding) == ("text/csv", "gzip")
    assert blob.download_blob(decompress=False).readall() == b"4,5,6\n"
    assert world.poisoned() == []


@pytest.mark.long
async def test_only_what_is_chosen_is_sent(world: World) -> None:
    for number in range(34):
        world.give_up(f"{number}.csv", reason="odd" if number % 2 else "")
    await world.bury(*(ServiceBusMessage(b"1", message_id=f"m{n}") for n in range(3)), reason="odd")
    assert str(await world.run(reason="odd")) == "20 sent"
    assert len(world.poisoned()) == 17
    assert {int(name[:-4]) % 2 for name in world.poisoned()} == {0}
    assert [message.message_id for message in await world.taken()] == ["m0", "m1", "m2"]


async def test_a_message_is_sent_as_it_was(world: World) -> None:
    own: dict[Any, Any] = {"content_type": "text/csv", "n": 5, "f": 1.5, "t": True}
    await world.bury(
        ServiceBusMessage(
            b"\x93NUMPY\xff\x00",
            message_id="whole",
            content_type="application/x-npy",
            correlation_id="c",
            subject="s",
            to="t",
            reply_to="r",
            partition_key="p",
            application_properties=own,
        ),
        AmqpAnnotatedMessage(value_body={"a": [1, "x"]}, properties={"message_id": "value"}),
        AmqpAnnotatedMessage(sequence_body=[[1, "x"], [2]], properties={"message_id": "rows"}),
        AmqpAnnotatedMessage(data_body=[b"1,", b"2"], properties={"message_id": "parts"}),
        ServiceBusMessage(b"", application_properties={"claim_blob": "rows.csv"}),
    )
    assert str(await world.run(all=True)) == "5 sent"
    whole, value, rows, parts, claim = await world.taken()
    assert b"".join(whole.body) == b"\x93NUMPY\xff\x00"
    assert (whole.message_id, whole.content_type, whole.correlation_id, whole.subject) == (
        *("whole", "application/x-npy", "c", "s"),
    )
    assert (whole.to, whole.reply_to, whole.partition_key) == ("t", "r", "p")
    assert {str(name, "utf-8"): told for name, told in whole.application_properties.items()} == {
        **own,
        "content_type": b"text/csv",
    }
    assert value.raw_amqp_message.body == {b"a": [1, b"x"]}
    assert list(rows.raw_amqp_message.body) == [[1, b"x"], [2]]
    assert b"".join(parts.body) == b"1,2"
    assert b"".join(claim.body) == b""
    assert dict(claim.application_properties) == {b"claim_blob": b"rows.csv"}
    assert {each.dead_letter_reason for each in (whole, value, rows, parts)} == {None}


async def test_deleted_and_replaced_blobs_are_removed_from_the_queue(world: World) -> None:
    world.give_up("gone.csv")
    world.blobs.get_blob_client("scoring-input", "gone.csv").delete_blob()
    world.give_up("newer.csv")
    world.blobs.get_blob_client("scoring-input", "newer.csv").upload_blob(b"4", overwrite=True)
    newer = world.etag("newer.csv")
    queue = world.queues.get_queue_client(
        POISON_QUEUE, message_encode_policy=TextBase64EncodePolicy()
    )
    queue.send_message("no JSON")
    assert str(await world.run(all=True)) == "2 removed, 1 not sent"
    for line in ("deleted since, removed", "replaced or sent since, removed", "not sent: expected"):
        assert line in world.text
    assert world.etag("newer.csv") == newer
    (left,) = world.queues.get_queue_client(POISON_QUEUE).peek_messages(32)
    assert base64.b64decode(left.content) == b"no JSON"


@pytest.mark.long
async def test_the_rate_is_kept(world: World) -> None:
    for number in range(3):
        world.give_up(f"{number}.csv")
    await world.bury(*(ServiceBusMessage(b"1", message_id=f"m{n}") for n in range(3)))
    began = time.monotonic()
    assert str(await world.run(all=True, rate=5)) == "6 sent"
    assert time.monotonic() - began >= 6 / 5


@pytest.mark.long
@pytest.mark.parametrize("line", ["csv: sent$", r"m\d: sent$"])
async def test_nothing_is_lost_if_the_command_is_killed(
    world: World, tmp_path: Path, line: str
) -> None:
    before = {f"{n}.csv": world.give_up(f"{n}.csv") for n in range(6)}
    ids = {f"m{n}" for n in range(6)}
    await world.bury(*(ServiceBusMessage(b"1", message_id=name) for name in sorted(ids)))
    log = tmp_path / "log"
    with log.open("w") as out:
        command = (*COMMAND, "--all", "--rate", "10/s")
        process = await asyncio.create_subprocess_exec(
            *command, cwd=ROOT, env=environment(world), stdout=out
        )
        lines = re.compile(line, re.MULTILINE)
        try:
            await eventually_async(lambda: len(lines.findall(log.read_text())) >= 3, 60)
        finally:
            process.kill()
            await process.wait()
    # What is taken is counted, too, and what is locked is seen.
    queue = world.queues.get_queue_client(POISON_QUEUE)
    listed = queue.get_queue_properties().approximate_message_count or 0
    sent = [name for name, etag in before.items() if world.etag(name) != etag]
    assert len(sent) >= 3
    assert len(sent) + listed >= 6
    dead = world.bus.get_queue_receiver(QUEUE, sub_queue=ServiceBusSubQueue.DEAD_LETTER)
    async with dead:
        left = {message.message_id for message in await dead.peek_messages(10)}
    arrived = {message.message_id for message in await world.taken()}
    assert arrived | left == ids
    assert (len(arrived) >= 3) == (line == r"m\d: sent$")


COMMAND = [sys.executable, "-m", "cli", "requeue"]


def environment(world: World) -> dict[str, str]:
    return {**world.env, "PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1"}


def test_a_service_that_does_not_answer_is_reported_in_a_sentence(tmp_path: Path) -> None:
    env = {
        "PATH": os.environ["PATH"],
        "ScoringStorage": "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;"
        "AccountKey=c2VjcmV0;BlobEndpoint=http://127.0.0.1:1/x;QueueEndpoint=http://127.0.0.1:1/x;",
    }
    told = run_python("-m", "cli", "requeue", env=env)
    assert told.returncode == 2
    assert told.stderr.startswith("stopped after 0 sent: ")
    assert "c2VjcmV0" not in told.stderr
    assert len(told.stderr.splitlines()) == 1
