"""The tour: each door once, every answer held against the model's own."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from azure.core.exceptions import AzureError, ResourceExistsError, ResourceNotFoundError
from azure.servicebus import ServiceBusClient, ServiceBusMessage, ServiceBusReceiver
from azure.storage.blob import BlobServiceClient

from local.demo.tour_model import ReferenceModel, Rows

BLOB_ROWS = 500
MESSAGES = 20
#: Seconds until a door must have answered.
PATIENCE_S = 60.0
#: Seconds between two looks for an answer.
LOOK_S = 0.03


class TourError(Exception):
    """A door did not answer; the message says which."""


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the tour's table."""

    door: str
    given: str
    answer: str
    cache: str
    milliseconds: float
    #: Whether every prediction equals what the model says directly.
    right: bool


class Tour:
    """Goes through the doors of a running app."""

    def __init__(
        self, model: ReferenceModel, *, url: str, key: str, storage: str, service_bus: str
    ) -> None:
        self._model = model
        self._url, self._key = url, key
        self._storage, self._service_bus = storage, service_bus
        self._rows = model.rows(BLOB_ROWS)
        #: Ids of the documents that the tour is owed, so that it leaves none behind.
        self._owed: set[str] = set()

    def stops(self) -> Iterator[Step]:
        """Each stop when it is made. Raises TourError."""
        for stop in (self._http, self._http, self._blob, self._messages):
            try:
                yield stop()
            except urllib.error.HTTPError as error:
                with error:
                    raise TourError(
                        f"HTTP answered {error.code}: {error.read().decode()}"
                    ) from error
            except (OSError, AzureError) as error:
                door = stop.__name__.strip("_")
                raise TourError(
                    f"the {door} door failed: {type(error).__name__}: {error}"
                ) from error

    def _http(self) -> Step:
        row = self._rows[:1]
        request = urllib.request.Request(
            f"{self._url}/api/score",
            data=json.dumps({"data": row.tolist()}).encode(),
            headers={"Content-Type": "application/json", "x-functions-key": self._key},
        )
        began = time.perf_counter()
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as response:
            answer = json.load(response)
            cache = response.headers["x-cache"]
        elapsed = _milliseconds(began)
        right = self._model.agrees(row, answer)
        return Step("HTTP", "1 row, JSON", str(answer), cache, elapsed, right)

    def _blob(self) -> Step:
        name = f"tour-{uuid.uuid4().hex[:8]}.csv"
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(self._rows.tolist())
        with BlobServiceClient.from_connection_string(self._storage) as storage:
            source = storage.get_container_client("scoring-input")
            with contextlib.suppress(ResourceExistsError):
                source.create_container()
            began = time.perf_counter()
            source.upload_blob(name, text.getvalue())
            output = storage.get_container_client("scoring-output")
            report = json.loads(_blob_there(output, f"{name}.report.json"))
            elapsed = _milliseconds(began)
            scored = b"" if report["error"] else output.download_blob(name).readall()
        self._owed.add(report["id"])
        cells = [line[-2] for line in csv.reader(io.StringIO(scored.decode()))]
        return Step(
            "Blob",
            f"{len(self._rows)} rows, CSV",
            f"{report['rows'] - report['failed']} predictions",
            f"{report['cache_hits']} hit",
            elapsed,
            self._model.agrees(self._rows, [_prediction(cell) for cell in cells]),
        )

    def _messages(self) -> Step:
        rows = {f"tour-{uuid.uuid4().hex}": row for row in self._rows[:MESSAGES]}
        messages = [
            ServiceBusMessage(
                json.dumps({"data": [row.tolist()]}),
                message_id=name,
                application_properties={"content_type": "application/json"},
            )
            for name, row in rows.items()
        ]
        self._owed |= set(rows)
        with (
            ServiceBusClient.from_connection_string(self._service_bus) as bus,
            bus.get_queue_sender("scoring-requests") as sender,
            bus.get_queue_receiver("scoring-results") as receiver,
        ):
            began = time.perf_counter()
            sender.send_messages(messages)
            documents = _documents(receiver, self._owed)
            elapsed = _milliseconds(began)
        answers = {name: documents[name] for name in rows}
        hits = sum(answer["cache"] == "hit" for answer in answers.values())
        return Step(
            "Service Bus",
            f"{len(rows)} messages",
            f"{len(answers)} documents",
            f"{hits} hit, {len(answers) - hits} miss",
            elapsed,
            all(self._right(rows[name], answer) for name, answer in answers.items()),
        )

    def _right(self, row: Rows, document: dict[str, Any]) -> bool:
        return document["status"] == "succeeded" and self._model.agrees(
            row.reshape(1, -1), document["result"]
        )


def _blob_there(container: Any, name: str) -> bytes:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        try:
            return bytes(container.download_blob(name).readall())
        except ResourceNotFoundError:
            time.sleep(LOOK_S)
    raise TourError(f"the blob door did not write {name} within {PATIENCE_S:g} s")


def _documents(receiver: ServiceBusReceiver, ids: set[str]) -> dict[str, Any]:
    """The result documents of these ids, taken from the queue.

    They are looked at before they are taken: where somebody else's lie among them, all stay, since
    to receive those would count as a try at them.
    """
    deadline = time.monotonic() + PATIENCE_S
    while True:
        present = {document["id"]: document for document in _peek_all(receiver)}
        if ids <= set(present):
            break
        if time.monotonic() > deadline:
            came = len(ids & set(present))
            raise TourError(f"{came} of {len(ids)} documents came within {PATIENCE_S:g} s")
        time.sleep(LOOK_S)
    taken = 0
    while set(present) == ids and taken < len(ids):
        for message in receiver.receive_messages(len(ids), max_wait_time=1):
            receiver.complete_message(message)
            taken += 1
    return present


def _peek_all(receiver: ServiceBusReceiver) -> Iterator[Any]:
    following = 1  # without a number the SDK goes on where it was
    while messages := receiver.peek_messages(100, sequence_number=following):
        yield from (json.loads(str(message)) for message in messages)
        following = (messages[-1].sequence_number or 0) + 1


def _prediction(cell: str) -> Any:
    """A CSV cell as JSON has it: outputs side by side are parted by semicolons."""
    parts = [_value(part) for part in cell.split(";")]
    return parts if len(parts) > 1 else parts[0]


def _value(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _milliseconds(began: float) -> float:
    return (time.perf_counter() - began) * 1000
