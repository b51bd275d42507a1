"""Measures the other two triggers: messages a second and blob rows a second, on the emulators."""

from __future__ import annotations

import csv
import io
import json
import os
import time
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from itertools import batched, count
from typing import Self

from azure.servicebus import ServiceBusMessage, ServiceBusReceiveMode

from bench.emulated_app import EmulatedApp, results_of
from bench.errors import BenchError
from bench.models import Model, Rows, rows
from bench.results import Figure, Results
from bench.servers import checks
from bench.servers.ours import CacheMode
from bench.worker_memory import processor_s, worker_of

MESSAGES = 2_000
MESSAGES_A_BATCH = 100
ROWS_A_MESSAGE = 10
#: Sessions of the messages, where IS_SESSIONS_ENABLED=true is in the environment: the emulator and
#: the app read it there.
SESSIONS = 64 if os.environ.get("IS_SESSIONS_ENABLED", "").lower() == "true" else 0
BLOB_ROWS = 100_000

#: Of the worker, which is the local host and the app, for one message.
PROCESSOR = "processor time of a message"

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
                processor_ms = each.processor_ms
                notify(f"messages of {ROWS_A_MESSAGE} rows, {name}")
                longer = each.messages_a_second(ROWS_A_MESSAGE)
                notify(f"blob rows, {name}")
                blob_rows = each.blob_rows_a_second()
                if number:  # the first round warms up
                    found.setdefault(f"messages, {name}", []).append(messages)
                    found.setdefault(f"{PROCESSOR}, {name}", []).append(processor_ms)
                    found.setdefault(f"messages of {ROWS_A_MESSAGE} rows, {name}", []).append(
                        longer
                    )
                    found.setdefault(f"blob rows, {name}", []).append(blob_rows)
    for name, values in found.items():
        unit = "messages/s" if name.startswith("messages") else "rows/s"
        unit = "ms" if name.startswith(PROCESSOR) else unit
        results.figures[name] = Figure(unit, tuple(values))


class App(EmulatedApp):
    """The app on its own emulators, with one measurement a trigger."""

    def __enter__(self) -> Self:
        super().__enter__()
        checks.require_right(self.server, self.estimator)
        self._worker = worker_of(self.running.pid)
        #: Of the last messages.
        self.processor_ms = 0.0
        return self

    def messages_a_second(self, rows_a_message: int = 1) -> float:
        """Messages a second, from the first one sent to the last result document received."""
        drawn = _new_rows(MESSAGES * rows_a_message)
        answers = batched(self.estimator.predict(drawn).tolist(), rows_a_message, strict=True)
        expected = {uuid.uuid4().hex: list(each) for each in answers}
        messages = [
            ServiceBusMessage(
                json.dumps({"data": data}),
                message_id=name,
                session_id=str(number % SESSIONS) if SESSIONS else None,
                application_properties={"content_type": "application/json"},
            )
            for number, (name, data) in enumerate(
                zip(expected, batched(drawn.tolist(), rows_a_message, strict=True), strict=True)
            )
        ]
        mode = ServiceBusReceiveMode.RECEIVE_AND_DELETE
        with (
            self.emulators.bus.get_queue_sender("scoring-requests") as sender,
            self.emulators.bus.get_queue_receiver(
                "scoring-results", receive_mode=mode, prefetch_count=500
            ) as receiver,
        ):
            began, used = time.perf_counter(), processor_s(self._worker)
            for some in batched(messages, MESSAGES_A_BATCH // rows_a_message, strict=False):
                sender.send_messages(list(some))
            results = results_of(receiver, len(expected))
            elapsed = time.perf_counter() - began
            self.processor_ms = (processor_s(self._worker) - used) / MESSAGES * 1000
        if results != expected:
            raise BenchError(f"{self.name}: a message's result is not what the model says")
        return MESSAGES / elapsed

    def blob_rows_a_second(self) -> float:
        """Rows a second, from the end of the upload to the report, which is written last."""
        drawn = _new_rows(BLOB_ROWS)
        name = f"{uuid.uuid4().hex}.csv"
        text = "\n".join(",".join(map(repr, row)) for row in drawn.tolist())
        self.emulators.input.upload_blob(name, text.encode())
        began = time.perf_counter()
        report = self.emulators.report(name)
        elapsed = time.perf_counter() - began
        if (report["rows"], report["failed"]) != (BLOB_ROWS, 0):
            raise BenchError(f"{self.name}: the blob's report says {report}")
        scored = self.emulators.output.download_blob(name).readall().decode()
        predictions = [line[drawn.shape[1]] for line in csv.reader(io.StringIO(scored))]
        if predictions != [str(answer) for answer in self.estimator.predict(drawn)]:
            raise BenchError(f"{self.name}: a blob's prediction is not what the model says")
        self._forget_documents(report["id"])
        return BLOB_ROWS / elapsed

    def _forget_documents(self, name: str) -> None:
        """Take a blob's result document off the queue before messages are counted there."""
        if name not in self.emulators.receive_results(1):
            raise BenchError(f"{self.name}: the result queue holds a document of another run")


def _new_rows(number: int) -> Rows:
    """New rows: the first pixel, which is empty in every digit, holds a counter."""
    drawn = rows(number, seed=6)
    first = next(_numbers) * 1_000_000
    drawn[:, 0] = [(first + each) / 1e12 for each in range(number)]
    return drawn
