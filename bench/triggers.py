"""Measures the other two triggers: messages a second and blob rows a second, on the emulators."""

from __future__ import annotations

import csv
import io
import json
import shutil
import time
import uuid
from collections.abc import Callable
from contextlib import ExitStack, suppress
from itertools import count
from typing import Any, Self

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.servicebus import ServiceBusClient, ServiceBusMessage, ServiceBusReceiveMode
from azure.storage.blob import BlobServiceClient

from bench.errors import BenchError
from bench.models import Model, Rows, rows
from bench.places import WORK, free_port
from bench.results import Figure, Results
from bench.servers import checks
from bench.servers.ours import CacheMode, app
from bench.servers.server import Running
from local.emulators.ports import Ports
from local.emulators.stack import Stack

MESSAGES = 2_000
MESSAGES_A_BATCH = 100
BLOB_ROWS = 100_000

PATIENCE_S = 120.0
LOOK_S = 0.01

VARIANTS: dict[str, CacheMode] = {"triscore": "auto", "triscore-off": "off"}

_numbers = count(1)


def measure(model: Model, rounds: int, results: Results, notify: Callable[[str], None]) -> None:
    """Measure both triggers with the cache and without it, in turn. Every round has new rows."""
    found: dict[str, list[float]] = {}
    with ExitStack() as cleanup:
        apps = {}
        for name, cache_mode in VARIANTS.items():
            notify(f"starting {name} with the emulators")
            apps[name] = cleanup.enter_context(App(name, model, cache_mode))
        for number in range(rounds + 1):
            for name, each in apps.items():
                notify(f"messages, {name}")
                messages = each.messages_a_second()
                notify(f"blob rows, {name}")
                blob_rows = each.blob_rows_a_second()
                if number:  # the first round warms up
                    found.setdefault(f"messages, {name}", []).append(messages)
                    found.setdefault(f"blob rows, {name}", []).append(blob_rows)
    for name, values in found.items():
        unit = "messages/s" if name.startswith("messages") else "rows/s"
        results.figures[name] = Figure(unit, tuple(values))


class App:
    """The app on its own emulators, so that no other app takes its messages."""

    def __init__(self, name: str, model: Model, cache_mode: CacheMode) -> None:
        folder = WORK / "triggers" / name
        shutil.rmtree(folder, ignore_errors=True)
        self._estimator = model.estimator()
        self._stack = Stack(folder, Ports(*(free_port() for _ in range(5))))
        self._name, self._model, self._cache_mode = name, model, cache_mode
        self._cleanup = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as cleanup:
            cleanup.enter_context(self._stack)
            storage = self._stack.storage_connection_string
            self._storage = cleanup.enter_context(BlobServiceClient.from_connection_string(storage))
            bus = self._stack.servicebus_connection_string
            self._bus = cleanup.enter_context(ServiceBusClient.from_connection_string(bus))
            self._input = self._storage.get_container_client("scoring-input")
            with suppress(ResourceExistsError):
                self._input.create_container()
            self._output = self._storage.get_container_client("scoring-output")
            env = {
                "TRIGGERS": "http,blob,servicebus",
                "AzureWebJobsStorage": storage,
                "ScoringStorage": storage,
                "ServiceBusConnection": bus,
            }
            server = app(self._name, self._model, self._cache_mode, self._stack.redis_url, env=env)
            cleanup.enter_context(Running(server)).wait_ready()
            checks.require_right(server, self._estimator)
            self._cleanup = cleanup.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._cleanup.close()

    def messages_a_second(self) -> float:
        """Messages a second, from the first one sent to the last result document received."""
        drawn = _new_rows(MESSAGES)
        expected = {uuid.uuid4().hex: each for each in self._estimator.predict(drawn).tolist()}
        messages = [
            ServiceBusMessage(
                json.dumps({"data": [row]}),
                message_id=name,
                application_properties={"content_type": "application/json"},
            )
            for name, row in zip(expected, drawn.tolist(), strict=True)
        ]
        mode = ServiceBusReceiveMode.RECEIVE_AND_DELETE
        with (
            self._bus.get_queue_sender("scoring-requests") as sender,
            self._bus.get_queue_receiver(
                "scoring-results", receive_mode=mode, prefetch_count=500
            ) as receiver,
        ):
            began = time.perf_counter()
            for first in range(0, MESSAGES, MESSAGES_A_BATCH):
                sender.send_messages(messages[first : first + MESSAGES_A_BATCH])
            results = _results_of(receiver, len(expected))
            elapsed = time.perf_counter() - began
        if results != {name: [answer] for name, answer in expected.items()}:
            raise BenchError(f"{self._name}: a message's result is not what the model says")
        return MESSAGES / elapsed

    def blob_rows_a_second(self) -> float:
        """Rows a second, from the end of the upload to the report, which is written last."""
        drawn = _new_rows(BLOB_ROWS)
        name = f"{uuid.uuid4().hex}.csv"
        text = "\n".join(",".join(map(repr, row)) for row in drawn.tolist())
        self._input.upload_blob(name, text.encode())
        began = time.perf_counter()
        report = json.loads(self._there(f"{name}.report.json"))
        elapsed = time.perf_counter() - began
        if (report["rows"], report["failed"]) != (BLOB_ROWS, 0):
            raise BenchError(f"{self._name}: the blob's report says {report}")
        scored = self._output.download_blob(name).readall().decode()
        predictions = [line[drawn.shape[1]] for line in csv.reader(io.StringIO(scored))]
        if predictions != [str(answer) for answer in self._estimator.predict(drawn)]:
            raise BenchError(f"{self._name}: a blob's prediction is not what the model says")
        self._forget_documents(report["id"])
        return BLOB_ROWS / elapsed

    def _there(self, name: str) -> bytes:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            try:
                return bytes(self._output.download_blob(name).readall())
            except ResourceNotFoundError:
                time.sleep(LOOK_S)
        raise BenchError(f"{self._name}: no {name} within {PATIENCE_S:g} s")

    def _forget_documents(self, name: str) -> None:
        """Take a blob's result document off the queue before messages are counted there."""
        mode = ServiceBusReceiveMode.RECEIVE_AND_DELETE
        with self._bus.get_queue_receiver("scoring-results", receive_mode=mode) as receiver:
            if name not in _results_of(receiver, 1):
                raise BenchError(f"{self._name}: the result queue holds a document of another run")


def _results_of(receiver: Any, number: int) -> dict[str, Any]:
    """Receive `count` results, by their ids."""
    results: dict[str, Any] = {}
    deadline = time.monotonic() + PATIENCE_S
    while len(results) < number:
        if time.monotonic() > deadline:
            raise BenchError(f"{len(results)} of {number} results came within {PATIENCE_S:g} s")
        for message in receiver.receive_messages(500, max_wait_time=1):
            document = json.loads(str(message))
            results[document["id"]] = document["result"]
    return results


def _new_rows(number: int) -> Rows:
    """New rows: the first pixel, which is empty in every digit, holds a counter."""
    drawn = rows(number, seed=6)
    first = next(_numbers) * 1_000_000
    drawn[:, 0] = [(first + each) / 1e12 for each in range(number)]
    return drawn
