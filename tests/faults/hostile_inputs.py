"""Hostile messages and blobs: each ends in one document, none becomes a dead letter."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, islice, repeat
from typing import Any

from azure.core.exceptions import HttpResponseError
from azure.servicebus import ServiceBusClient, ServiceBusMessage
from azure.servicebus.exceptions import MessageSizeExceededError
from azure.storage.blob import BlobServiceClient, ContainerClient, ContentSettings

from tests.faults import stack
from tests.faults.hostile_bodies import Bodies
from tests.faults.outcome import Outcome
from tests.running_app import App

#: Seconds without a new document after which none is expected any more.
STILL_S = 25
#: Bytes of a batch: less than the broker takes, since the SDK counts a little too few.
BATCH_BYTES = 200_000
LONGEST_S = 240
_ENDINGS = ("csv", "json", "jsonl", "npy", "parquet", "arrow", "txt", "", "CSV", "tar.gz", "exe")


def through_queue_and_storage(
    app: App, outcome: Outcome, random_: random.Random, *, turn: int, messages: int, blobs: int
) -> None:
    """Send so many of each, and check their documents. `turn` makes the ids of one call unique."""
    with stack.inbox_of(app) as inbox:
        names = _upload(app, random_, turn, blobs)
        sent = _send(app, random_, turn, messages)
        wanted = len(names) + messages
        stack.within(lambda: len(inbox) >= wanted, STILL_S)
        still_s = 1 if len(inbox) >= wanted else STILL_S
        stack.at_rest(lambda: len(inbox), still_s=still_s, timeout_s=LONGEST_S)
        found = [document for each in inbox.by_input().values() for document in each]
    of_blobs = {document["id"] for document in found if document["source"] == "blob"}
    of_messages = [document for document in found if document["source"] != "blob"]
    ids = {document["id"].removeprefix(_SEALED) for document in of_messages}
    for name in sorted(sent.keys() - ids):
        outcome.lose(f"{name}: {sent[name][:300]!r}", "a message without a document")
    extra = len(of_messages) - messages
    outcome.require(extra <= 0, f"{extra} documents too many for the messages")
    if (missing := len(names) - len(of_blobs)) > 0:
        without_output = _without_output(app, names)
        unknown = "a blob that has an output"
        for name in islice(chain(without_output, repeat(unknown)), missing):
            outcome.lose(name, "a blob without a document")
    outcome.require(
        len(of_blobs) == sum(document["source"] == "blob" for document in found),
        "a blob has two documents",
    )
    for document in found:
        _check(document, outcome)
    for reason in stack.dead_letters(app):
        outcome.fault(reason, "dead letters")
    failed = sum(document["status"] == "failed" for document in found)
    outcome.figure(f"{len(found):,} documents, {failed:,} failed")


def _check(document: dict[str, Any], outcome: Outcome) -> None:
    error = document["error"]
    if document["status"] == "succeeded":
        outcome.require(error is None, "a succeeded document with an error")
    elif error["code"] in ("internal_error", "script_failed", "result_unserialisable"):
        outcome.fault(json.dumps(document)[:400], f"{error['code']}: {error['message'][:60]}")
    elif "Traceback" in error["message"] or ".py" in error["message"]:
        outcome.fault(json.dumps(document)[:400], "a document with a stack trace")


def _send(app: App, random_: random.Random, turn: int, count: int) -> dict[str, bytes]:
    """Send messages. Returns the bodies by message id."""
    sent: dict[str, bytes] = {}
    with (
        ServiceBusClient.from_connection_string(app.servicebus.connection_string) as client,
        client.get_queue_sender("scoring-requests") as sender,
    ):
        batch = sender.create_message_batch(max_size_in_bytes=BATCH_BYTES)
        for name, body, message in islice(_messages(random_, turn), count):
            try:
                batch.add_message(message)
            except MessageSizeExceededError:
                sender.send_messages(batch)
                batch = sender.create_message_batch(max_size_in_bytes=BATCH_BYTES)
                batch.add_message(message)
            sent[name] = body
        sender.send_messages(batch)
    return sent


def _messages(random_: random.Random, turn: int) -> Iterator[tuple[str, bytes, ServiceBusMessage]]:
    """Tuples of id, body and message, without end."""
    bodies = Bodies(random_)
    number = 0
    while True:
        body = bodies.draw()
        name = f"hostile-{turn}-{(number := number + 1)}"
        content = body.content[:40_000]
        if random_.random() < 0.3:
            content = _sealed(random_, content, body.kind, name)
        properties: dict[str | bytes, Any] = {"content_type": body.kind}
        if random_.random() < 0.3:
            properties |= random_.choice(_PROPERTIES)
        kind = random_.choice((None, body.kind or None, "x" * 200, "text/csv"))
        message = ServiceBusMessage(
            content, message_id=name, application_properties=properties, content_type=kind
        )
        yield name, content, message


def _sealed(random_: random.Random, body: bytes, kind: str, name: str) -> bytes:
    """What HTTP would have enqueued, with one field that is not as HTTP writes it."""
    sealed: dict[str, Any] = {
        "triscore_request": 1,
        "id": f"{_SEALED}{name}",
        "content_type": kind,
        "recompute": False,
        "method": "POST",
        "query": "",
        "headers": {},
        "received_at": "2026-11-24T08:00:00+00:00",
        "body": base64.b64encode(body).decode(),
    }
    field = random_.choice(list(_FIELDS))
    value = random_.choice(_FIELDS[field])
    if value is _GONE:
        del sealed[field]
    else:
        sealed[field] = value
    return json.dumps(sealed).encode()


#: Prefix of the ids inside requests as HTTP enqueues them. If the app can't unpack such a message,
#: it scores it like any other, under the message's own id.
_SEALED = "sealed-"

_GONE = object()
_TIMES: tuple[Any, ...] = (
    *("9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00", "2026-11-24", "", "now", 5, None),
    *("1969-12-31T23:59:59+00:00", "2026-11-24T08:00:00", "9999-12-31T23:59:59.999999+00:00", []),
)
_FIELDS: dict[str, tuple[Any, ...]] = {
    "received_at": (*_TIMES, _GONE),
    "body": ("", "=", "!!!!", "AAA", None, 7, [], "W1sxLDEsMV1d\n", _GONE),
    "headers": (None, [], "x", {"a": None}, {"a": {}}, {"": ""}, _GONE),
    "method": (None, 5, "x" * 1000, "GET"),
    "query": (None, [], "%" * 1000),
    "content_type": (None, 5, [], "x" * 5000, _GONE),
    "recompute": (None, "false", []),
    "id": (_GONE,),
    "triscore_request": (2, None),
}

_PROPERTIES: tuple[dict[str | bytes, Any], ...] = (
    {"content_type": 5},
    {"content_type": ""},
    {"content_type": "x" * 3000},
    {"content_type": True},
    {"Content_Type": "text/csv"},
    {"accept": "image/png", "content-encoding": "gzip"},
    {"x-message-id": "another's"},
    {f"name-{number}": number for number in range(50)},
)


def _upload(app: App, random_: random.Random, turn: int, count: int) -> list[str]:
    bodies = Bodies(random_)
    storage = BlobServiceClient.from_connection_string(app.azurite.connection_string)
    container = storage.get_container_client("scoring-input")
    if not container.exists():
        container.create_container()
    drawn = []
    for number in range(count):
        ending = random_.choice(_ENDINGS)
        name = random_.choice(("", "a/b/", "ü ", "%41", "x.report.json/")) + f"h{turn}-{number}"
        drawn.append((f"{name}.{ending}" if ending else name, bodies.draw(), random_.random()))
    with container, ThreadPoolExecutor(4) as pool:
        done = pool.map(lambda each: _upload_one(container, *each), drawn)
        return [name for name in done if name]


def _upload_one(container: ContainerClient, name: str, body: Any, chance: float) -> str | None:
    kind = body.kind if chance < 0.5 else "application/octet-stream"
    encoding = body.encoding if chance < 0.9 else "gzip"
    settings = ContentSettings(content_type=kind or None, content_encoding=encoding or None)
    try:
        container.upload_blob(name, body.content, content_settings=settings)
    except HttpResponseError:  # the storage refuses such a name or type
        return None
    return name


def _without_output(app: App, names: list[str]) -> list[str]:
    storage = BlobServiceClient.from_connection_string(app.azurite.connection_string)
    with storage.get_container_client("scoring-output") as container:
        there = [blob.name for blob in container.list_blobs()] if container.exists() else []
    return [name for name in names if not any(each.startswith(name) for each in there)]
