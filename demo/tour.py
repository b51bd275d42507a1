"""The tour: each door once, every answer held against the model's own."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import time
import urllib.request
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from azure.core.exceptions import AzureError, ResourceExistsError, ResourceNotFoundError
from azure.servicebus import ServiceBusClient, ServiceBusMessage, ServiceBusReceiver
from azure.storage.blob import BlobServiceClient

Rows = npt.NDArray[np.float64]

BLOB_ROWS = 500
MESSAGES = 20
#: Seconds until a door must have answered.
PATIENCE_S = 60.0


class TourError(Exception):
    """A door did not answer; the message says which."""


@dataclass(frozen=True, slots=True)
class Stop:
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

    def __init__(self, *, url: str, storage: str, service_bus: str, model_file: Path) -> None:
        import joblib  # noqa: PLC0415 - brings scikit-learn: after the servers are on their way

        self._url, self._storage, self._service_bus = url, storage, service_bus
        self._model = joblib.load(model_file)
        self._rows = _fresh_rows(BLOB_ROWS)

    def stops(self) -> Iterator[Stop]:
        """Each stop when it is made. Raises TourError."""
        for stop in (self._http, self._http, self._blob, self._messages):
            try:
                yield stop()
            except (OSError, AzureError) as error:
                door = stop.__name__.strip("_")
                raise TourError(
                    f"the {door} door failed: {type(error).__name__}: {error}"
                ) from error

    def _http(self) -> Stop:
        row = self._rows[:1]
        request = urllib.request.Request(
            f"{self._url}/api/score",
            data=json.dumps({"data": row.tolist()}).encode(),
            headers={"Content-Type": "application/json"},
        )
        began = time.perf_counter()
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as response:
            answer = json.load(response)
            cache = response.headers["x-cache"]
        elapsed = _milliseconds(began)
        return Stop("HTTP", "1 row, JSON", str(answer), cache, elapsed, self._right(row, answer))

    def _blob(self) -> Stop:
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
            scored = output.download_blob(name).readall().decode()
        predictions = [float(line[-2]) for line in csv.reader(io.StringIO(scored))]
        return Stop(
            "Blob",
            f"{len(self._rows)} rows, CSV",
            f"{report['rows'] - report['failed']} predictions",
            f"{report['cache_hits']} hit",
            elapsed,
            self._right(self._rows, predictions),
        )

    def _messages(self) -> Stop:
        rows = {f"tour-{uuid.uuid4().hex}": row for row in self._rows[:MESSAGES]}
        messages = [
            ServiceBusMessage(
                json.dumps({"data": [row.tolist()]}),
                message_id=name,
                content_type="application/json",
            )
            for name, row in rows.items()
        ]
        with (
            ServiceBusClient.from_connection_string(self._service_bus) as bus,
            bus.get_queue_sender("scoring-requests") as sender,
            bus.get_queue_receiver("scoring-results") as receiver,
        ):
            began = time.perf_counter()
            sender.send_messages(messages)
            documents = _documents(receiver, set(rows))
            elapsed = _milliseconds(began)
        right = all(
            document["status"] == "succeeded"
            and self._right(rows[name].reshape(1, -1), document["result"])
            for name, document in documents.items()
        )
        hits = sum(document["cache"] == "hit" for document in documents.values())
        return Stop(
            "Service Bus",
            f"{MESSAGES} messages",
            f"{len(documents)} documents",
            f"{hits} hit, {len(documents) - hits} miss",
            elapsed,
            right,
        )

    def _right(self, rows: Rows, answer: list[Any]) -> bool:
        return bool(self._model.predict(rows).tolist() == answer)


def _fresh_rows(count: int) -> Rows:
    """Digits with a little noise, so that no cache has seen them; two decimals keep CSV exact."""
    from sklearn.datasets import load_digits  # noqa: PLC0415 - as above

    images: Rows = load_digits(return_X_y=True)[0][:count]
    noise = np.random.default_rng().random(images.shape)
    return (images + noise).round(2)


def _blob_there(container: Any, name: str) -> bytes:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        try:
            return bytes(container.download_blob(name).readall())
        except ResourceNotFoundError:
            time.sleep(0.05)
    raise TourError(f"the blob door did not write {name} within {PATIENCE_S:g} s")


def _documents(receiver: ServiceBusReceiver, ids: set[str]) -> dict[str, Any]:
    """The result documents of these ids. Others are put back: they belong to somebody else."""
    found: dict[str, Any] = {}
    others = []
    deadline = time.monotonic() + PATIENCE_S
    while len(found) < len(ids) and time.monotonic() < deadline:
        for message in receiver.receive_messages(len(ids), max_wait_time=1):
            document = json.loads(str(message))
            if document["id"] in ids:
                found[document["id"]] = document
                receiver.complete_message(message)
            else:
                others.append(message)
    for message in others:
        receiver.abandon_message(message)
    if len(found) < len(ids):
        raise TourError(f"{len(found)} of {len(ids)} result documents came within {PATIENCE_S:g} s")
    return found


def _milliseconds(began: float) -> float:
    return (time.perf_counter() - began) * 1000
