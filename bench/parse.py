"""Measures what a request takes beyond one `predict`, beside the fastest library's bare parse.

Everything is in one process, without HTTP and without a cache.
"""

from __future__ import annotations

import json
import subprocess
import sys

from bench.errors import BenchError
from bench.models import Model
from bench.places import ROOT, SERVER_CORE
from bench.results import Figure
from bench.servers.server import ONE_THREAD

SIZES = (100, 10_000)
FORMATS = ("JSON", "CSV", "npy", "Parquet")


def request(form: str, size: int) -> str:
    return f"{size:,} rows of {form}, request"


def predict(size: int) -> str:
    return f"{size:,} rows, predict"


def bare(form: str, size: int) -> str:
    return f"{size:,} rows of {form}, bare parse"


def measure(model: Model, rounds: int) -> dict[str, Figure]:
    """Milliseconds of each. Raises BenchError if an answer is not what the model says."""
    command = ["taskset", "-c", str(SERVER_CORE), sys.executable, "-m", "bench.parse_process"]
    completed = subprocess.run(
        [*command, str(model.folder), str(rounds)],
        env={"PYTHONPATH": str(ROOT), **ONE_THREAD},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    if completed.returncode:
        raise BenchError(f"bench.parse: {completed.stderr.strip().rpartition('\n')[2]}")
    costs: dict[str, list[float]] = json.loads(completed.stdout)
    return {name: Figure("ms", tuple(values)) for name, values in costs.items()}
