"""The tour: scores through each trigger and compares the answers with the model's own."""

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

from local.demo.reference_model import ReferenceModel, Rows

BLOB_ROWS = 500
MESSAGES = 20
#: Seconds in which a trigger must have answered.
TIMEOUT_S = 60.0
#: Seconds between two checks for an answer.
POLL_S = 0.03


class TourError(Exception):
    """A trigger did not answer; the message names it."""


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the tour's table: one trigger, one input."""

    trigger: str
    input: str
    answer: str
    cache: str
    milliseconds: float
    #: Whether every prediction equals the model's own.
    correct: bool


class Tour:
    """Scores through the three triggers of a running app."""

    def __init__(
        self, model: ReferenceModel, *, url: str, key: str, storage: str, service_bus: str
    ) -> None:
        self._model = model
        self._url, self._key = url, key
        self._storage, self._service_bus = storage, service_bus
        self._rows = model.rows(BLOB_ROWS)
        #: Ids of the result documents to receive, so that none is left in the queue.
        self._expected_ids: set[str] = set()

    def steps(self) -> Iterator[Step]:
        """Yields each step when it is done. Raises TourError."""
        for trigger, step in (
            ("HTTP", self._http),
            ("HTTP", self._http),
            ("blob", self._blob),
            ("Service Bus", self._messages),
        ):
            try:
                yield step()
            except urllib.error.HTTPError as error:
                with error:
                    raise TourError(
                        f"the HTTP trigger answered {error.code}: {error.read().decode()}"
                    ) from error
            except (OSError, AzureError) as error:
                raise TourError(
                    f"the {trigger} trigger failed: {type(error).__name__}: {error}"
                ) from error

    def _http(self) -> Step:
        row = self._rows[:1]
        request = urllib.request.Request(
            f"{self._url}/api/score",
            data=json.dumps({"data": row.tolist()}).encode(),
            headers={"Content-Type": "application/json", "x-functions-key": self._key},
        )
        start = time.perf_counter()
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:
            answer = json.load(response)
            cache = response.headers["x-cache"]
        elapsed = _milliseconds_since(start)
        correct = self._model.agrees(row, answer)
        return Step("HTTP", "1 row, JSON", str(answer), cache, elapsed, correct)

    def _blob(self) -> Step:
        name = f"tour-{uuid.uuid4().hex[:8]}.csv"
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(self._rows.tolist())
        with BlobServiceClient.from_connection_string(self._storage) as storage:
            source = storage.get_container_client("scoring-input")
            with contextlib.suppress(ResourceExistsError):
                source.create_container()
            start = time.perf_counter()
            source.upload_blob(name, text.getvalue())
            output = storage.get_container_client("scoring-output")
            report = json.loads(_await_blob(output, f"{name}.report.json"))
            elapsed = _milliseconds_since(start)
            scored = b"" if report["error"] else output.download_blob(name).readall()
        self._expected_ids.add(report["id"])
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
        self._expected_ids |= set(rows)
        with (
            ServiceBusClient.from_connection_string(self._service_bus) as bus,
            bus.get_queue_sender("scoring-requests") as sender,
            bus.get_queue_receiver("scoring-results") as receiver,
        ):
            start = time.perf_counter()
            sender.send_messages(messages)
            documents = _receive_documents(receiver, self._expected_ids)
            elapsed = _milliseconds_since(start)
        answers = {name: documents[name] for name in rows}
        hits = sum(answer["cache"] == "hit" for answer in answers.values())
        return Step(
            "Service Bus",
            f"{len(rows)} messages",
            f"{len(answers)} documents",
            f"{hits} hit, {len(answers) - hits} miss",
            elapsed,
            all(self._is_correct(rows[name], answer) for name, answer in answers.items()),
        )

    def _is_correct(self, row: Rows, document: dict[str, Any]) -> bool:
        return document["status"] == "succeeded" and self._model.agrees(
            row.reshape(1, -1), document["result"]
        )


def _await_blob(container: Any, name: str) -> bytes:
    deadline = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline:
        try:
            return bytes(container.download_blob(name).readall())
        except ResourceNotFoundError:
            time.sleep(POLL_S)
    raise TourError(f"the blob trigger did not write {name} within {TIMEOUT_S:g} s")


def _receive_documents(receiver: ServiceBusReceiver, ids: set[str]) -> dict[str, Any]:
    """Wait for the result documents with these ids and remove them from the queue.

    They are peeked first. If the queue has other documents too, all stay: receiving those would
    count as deliveries.
    """
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        present = {document["id"]: document for document in _peek_all(receiver)}
        if ids <= set(present):
            break
        if time.monotonic() > deadline:
            arrived = len(ids & set(present))
            raise TourError(
                f"the Service Bus trigger sent {arrived} of {len(ids)} results "
                f"within {TIMEOUT_S:g} s"
            )
        time.sleep(POLL_S)
    received = 0
    while set(present) == ids and received < len(ids):
        for message in receiver.receive_messages(len(ids), max_wait_time=1):
            receiver.complete_message(message)
            received += 1
    return present


def _peek_all(receiver: ServiceBusReceiver) -> Iterator[Any]:
    following = 1  # without a number, the SDK continues from its last peek
    while messages := receiver.peek_messages(100, sequence_number=following):
        yield from (json.loads(str(message)) for message in messages)
        following = (messages[-1].sequence_number or 0) + 1


def _prediction(cell: str) -> Any:
    """A CSV cell as a JSON value. Several outputs in one cell are separated by semicolons."""
    parts = [_value(part) for part in cell.split(";")]
    return parts if len(parts) > 1 else parts[0]


def _value(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _milliseconds_since(start: float) -> float:
    return (time.perf_counter() - start) * 1000
