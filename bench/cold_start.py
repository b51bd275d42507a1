"""Cold start: seconds from the start of the process to the first answer.

It is compared with a bare Python that imports scikit-learn and loads the model.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

from bench.errors import BenchError
from bench.models import Model, rows
from bench.places import LOGS, SERVER_CORE
from bench.results import Figure, Results
from bench.servers import checks
from bench.servers.ours import app
from bench.servers.server import ONE_THREAD, Running, Server
from bench.workloads import hot_row
from local.emulators.child import Child

BARE, HIT, MISS = "cold start, import and load", "cold start, first hit", "cold start, first miss"
BARE_MB, MISS_MB = "memory, import and load", "memory, after the first miss"

PATIENCE_S = 60.0
LOOK_S = 0.002

LOAD = """
import sklearn, joblib, sys
joblib.load(sys.argv[1])
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmRSS")))
"""


def measure(
    model: Model, redis_url: str, rounds: int, results: Results, notify: Callable[[str], None]
) -> None:
    """Start in turn bare Python, the app for a row that Redis has, and the app for a new row."""
    with Running(_app(model, redis_url)) as warm:
        warm.wait_ready()
        checks.ask(warm.server, hot_row())
    found: dict[str, list[float]] = {name: [] for name in (BARE, HIT, MISS, BARE_MB, MISS_MB)}
    for number in range(rounds):
        notify(f"cold start, round {number + 1}")
        seconds, megabytes = _bare(model)
        found[BARE].append(seconds)
        found[BARE_MB].append(megabytes)
        seconds, _ = _first_answer(_app(model, redis_url), None)
        found[HIT].append(seconds)
        seconds, megabytes = _first_answer(_app(model, redis_url), 1000 + number)
        found[MISS].append(seconds)
        found[MISS_MB].append(megabytes)
    for name, values in found.items():
        results.figures[name] = Figure("MB" if "memory" in name else "s", tuple(values))


def _app(model: Model, redis_url: str) -> Server:
    return app("triscore-cold", model, "auto", redis_url)


def _bare(model: Model) -> tuple[float, float]:
    """Seconds, and the memory at the end in MB."""
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / "bare-load.log"
    command = ["taskset", "-c", str(SERVER_CORE), sys.executable, "-c", LOAD, str(model.file)]
    began = time.perf_counter()
    child = Child(command, log=log, env=ONE_THREAD)
    try:
        child.wait(PATIENCE_S)
    finally:
        child.stop()
    return time.perf_counter() - began, int(child.last_line()) / 1024


def _first_answer(server: Server, seed: int | None) -> tuple[float, float]:
    """Seconds to the first answer, and megabytes then. Without a seed the row is the cached one.

    Raises BenchError if the answer does not come from the cache, or from the model, as expected.
    """
    row = hot_row() if seed is None else rows(1, seed=seed)
    began = time.perf_counter()
    with Running(server) as running:
        while True:
            try:
                _, headers = checks.ask(server, row)
                break
            except BenchError:
                if time.perf_counter() - began > PATIENCE_S:
                    raise
                time.sleep(LOOK_S)
        elapsed = time.perf_counter() - began
        was_hit = headers["x-cache"] == "hit"
        if was_hit is not (seed is None):
            raise BenchError(f"the first answer was a {headers['x-cache']}")
        return elapsed, _worker_mb(running.pid)


def _worker_mb(pid: int) -> float:
    """Megabytes of the only worker. Its parent, the local host's, has 24 MB, and Azure has none."""
    (worker,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    lines = Path(f"/proc/{worker}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmRSS"))) / 1024
