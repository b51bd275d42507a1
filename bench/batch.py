"""Measures batch scoring: a large blob, beside a hand-written script on the same file.

Both have one core. The score time is the report's, so the time until a scan finds the blob is left
out. Each round scores every file with both, and every second round begins with the script.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Sequence

import numpy as np

from bench import batch_formats, batch_script
from bench.batch_files import BEFORE, BESIDE, DURING, FILES, BatchFile, memory, ours, script
from bench.emulated_app import EmulatedApp
from bench.errors import BenchError
from bench.load import Generator, Load, write_bodies
from bench.models import Model
from bench.places import WORK
from bench.results import Figure, Results
from bench.worker_memory import Peak, resident_bytes, worker_of
from bench.workloads import bodies_of

CONNECTIONS = 16

PATIENCE_S = 3600.0
#: Between two looks for a report. Each takes the storage emulator 2 ms: a hundred a second took a
#: third of its time. The score time is the report's, so the pauses need not be short.
LOOK_S = 0.25
MEGABYTE = 1_000_000

Notify = Callable[[str], None]


def measure(
    model: Model, files: Sequence[BatchFile], rounds: int, results: Results, notify: Notify
) -> None:
    """Score each file with both, round by round. Raises BenchError."""
    found: dict[str, list[float]] = {}

    def add(name: str, value: float) -> None:
        found.setdefault(name, []).append(value)

    with EmulatedApp("batch", model, "auto") as app:
        batch = _Batch(app, model)
        for file in files:
            notify(f"{file.id}, making it")
            batch.upload_for_script(file)
        notify("warming up")
        batch.score(FILES[0])
        for number in range(rounds):
            for file in files:
                _score(batch, file, number, add, notify)
            if BESIDE in files:
                notify(f"{BESIDE.id}, HTTP beside it")
                for name, p99_ms in batch.http_beside(BESIDE):
                    add(name, p99_ms)
    for name, values in found.items():
        results.figures[name] = Figure(_unit(name), tuple(values))


def _score(
    batch: _Batch, file: BatchFile, number: int, add: Callable[[str, float], None], notify: Notify
) -> None:
    """Score a file with both sides. The first time, their predictions are compared."""
    sides = ["triscore", "script"] if file.can_be_read_whole else ["triscore"]
    for side in sides[:: -1 if number % 2 else 1]:
        notify(f"{file.id}, {side}")
        if side == "script":
            add(script(file), batch.run_script(file))
        else:
            seconds, bytes_above = batch.score(file)
            add(ours(file), seconds)
            add(memory(file), bytes_above / MEGABYTE)
    if number == 0 and file.can_be_read_whole:
        notify(f"{file.id}, comparing the predictions")
        batch.require_equal(file)


def _unit(name: str) -> str:
    if "memory" in name:
        return "MB"
    return "ms" if "p99" in name else "s"


class _Batch:
    """The app that scores files, and what the script reads and writes."""

    def __init__(self, app: EmulatedApp, model: Model) -> None:
        self._app, self._emulators, self._model = app, app.emulators, model
        self._script = app.emulators.container(batch_script.CONTAINER)
        self._generator = Generator()
        self._worker = worker_of(app.running.pid)
        self._idle_bytes = resident_bytes(self._worker)
        self._scored: dict[BatchFile, str] = {}

    def upload_for_script(self, file: BatchFile) -> None:
        with batch_formats.make(file).open("rb") as content:
            self._script.upload_blob(file.path.name, content, overwrite=True)

    def run_script(self, file: BatchFile) -> float:
        return batch_script.run(self._emulators.storage_connection_string, file, self._model)

    def score(self, file: BatchFile) -> tuple[float, int]:
        """The report's seconds, and the most memory above the idle worker's."""
        with Peak(self._worker) as peak:
            name = self._upload(file)
            seconds = self._finish(name)
        if earlier := self._scored.get(file):
            self._emulators.output.delete_blob(earlier)
        self._scored[file] = name
        return seconds, peak.bytes - self._idle_bytes

    def require_equal(self, file: BatchFile) -> None:
        """Raises BenchError if the predictions are not the script's, or one is missing."""
        content = self._emulators.output.download_blob(self._scored[file]).readall()
        mine = batch_formats.read(file.form, bytes(content))["prediction"]
        content = self._script.download_blob(f"scored-{file.path.name}").readall()
        theirs = batch_formats.read(file.form, bytes(content))["prediction"]
        if not np.array_equal(mine, theirs):
            raise BenchError(f"{file.id}: the predictions are not those of the script")

    def http_beside(self, file: BatchFile) -> list[tuple[str, float]]:
        """p99 of single rows over HTTP before a batch and while it runs. Empty if the batch was
        over first.
        """
        before = self._p99_ms()
        name = self._upload(file)
        self._wait_until_it_runs(name)
        during = self._p99_ms()
        is_over = self._emulators.output.get_blob_client(f"{name}.report.json").exists()
        self._finish(name)
        self._emulators.output.delete_blob(name)
        return [] if is_over else [(BEFORE, before), (DURING, during)]

    def _upload(self, file: BatchFile) -> str:
        batch_formats.make(file)
        name = f"{uuid.uuid4().hex}.{file.form}"
        with file.path.open("rb") as content:
            self._emulators.input.upload_blob(name, content)
        return name

    def _finish(self, name: str) -> float:
        """Wait for the report, and delete the input. Raises BenchError."""
        content = self._emulators.wait_for(f"{name}.report.json", PATIENCE_S, look_s=LOOK_S)
        report = json.loads(content)
        self._emulators.input.delete_blob(name)
        if report["status"] != "succeeded" or report["failed"]:
            raise BenchError(f"a batch was not scored: {report}")
        return float(report["seconds"])

    def _wait_until_it_runs(self, name: str) -> None:
        """Wait until the app has marked its attempt at the blob."""
        markers = self._emulators.storage.get_container_client("triscore-tries")
        report = self._emulators.output.get_blob_client(f"{name}.report.json")
        while not any(True for _ in markers.list_blobs()) and not report.exists():
            pass

    def _p99_ms(self) -> float:
        server = self._app.server
        if server.dialect is None:
            raise BenchError("the app has no HTTP trigger")
        bodies = WORK / "bodies" / "batch.txt"
        if not bodies.exists():
            write_bodies(bodies, bodies_of("unique", server.dialect))
        url = server.url + server.dialect.path
        run = self._generator.run(Load(url, CONNECTIONS, server.load_cores, bodies), seconds=1)
        if run.fault:
            raise BenchError(f"HTTP during a batch: {run.fault}")
        return run.p99_ms
