"""Measures many small blobs: milliseconds a blob, with the app and with an empty blob function."""

from __future__ import annotations

import io
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from azure.servicebus import ServiceBusReceiveMode

from bench.emulated_app import PATIENCE_S, Emulators
from bench.errors import BenchError
from bench.models import Model, rows
from bench.places import ROOT
from bench.results import Figure, Results
from bench.servers.limits import LIMITS
from bench.servers.server import Running

BLOBS, ROWS = 2_000, 10

OURS, EMPTY = "blobs of 10 rows, triscore", "blobs of 10 rows, empty function"
FOLDERS: dict[str, Path] = {OURS: ROOT, EMPTY: LIMITS / "empty_blob_function"}

#: Threads that upload. No blob is processed meanwhile.
UPLOADS = 4


def measure(model: Model, rounds: int, results: Results, notify: Callable[[str], None]) -> None:
    """Measure both functions in turn, each on its own emulators."""
    found: dict[str, list[float]] = {name: [] for name in FOLDERS}
    for number in range(rounds):
        for name, folder in FOLDERS.items():
            notify(f"{name}, round {number + 1}")
            found[name].append(ms_a_blob(model, folder))
    for name, values in found.items():
        results.figures[name] = Figure("ms", tuple(values))


def ms_a_blob(model: Model, folder: Path) -> float:
    """Upload the blobs, then start the app.

    The time runs from the first result document received to the last.
    """
    with Emulators("small-blobs") as emulators:
        with ThreadPoolExecutor(UPLOADS) as threads:
            for _ in threads.map(lambda each: emulators.input.upload_blob(*each), _blobs()):
                pass
        server = emulators.app(model, "auto", triggers="blob,servicebus", folder=folder)
        with Running(server):
            mode = ServiceBusReceiveMode.RECEIVE_AND_DELETE
            with emulators.bus.get_queue_receiver(
                "scoring-results", receive_mode=mode, prefetch_count=500
            ) as receiver:
                arrived: list[float] = []
                deadline = time.monotonic() + PATIENCE_S + BLOBS / 10
                while len(arrived) < BLOBS:
                    if time.monotonic() > deadline:
                        raise BenchError(f"{len(arrived)} of {BLOBS} blobs were scored in time")
                    some = receiver.receive_messages(500, max_wait_time=1)
                    arrived += [time.perf_counter()] * len(some)
    first = arrived.count(arrived[0])
    return (arrived[-1] - arrived[0]) / (BLOBS - first) * 1000


def _blobs() -> Iterator[tuple[str, bytes]]:
    drawn = rows(BLOBS * ROWS, seed=7)
    for each in np.split(drawn, BLOBS):
        text = io.BytesIO()
        np.savetxt(text, each, fmt="%g", delimiter=",")
        yield f"{uuid.uuid4().hex}.csv", text.getvalue()
