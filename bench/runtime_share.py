"""Measures where a request of one row spends its time: host, Microsoft's runtime, app, model.

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

#: The parts, from the outermost to the innermost. None includes those within it.
PARTS = HOST, RUNTIME, APP, PREDICT = (
    "one row, local host",
    "one row, azure-functions-runtime",
    "one row, app",
    "one row, predict in the app",
)


def measure(model: Model, rounds: int) -> dict[str, Figure]:
    """Microseconds of processor time that each part takes. Raises BenchError."""
    command = [
        "taskset",
        "-c",
        str(SERVER_CORE),
        sys.executable,
        "-m",
        "bench.runtime_share_process",
    ]
    completed = subprocess.run(
        [*command, str(rounds)],
        env={
            "PYTHONPATH": str(ROOT),
            "AZUREML_MODEL_DIR": str(model.folder),
            "CACHE_MODE": "off",
            "TRIGGERS": "http",
            **ONE_THREAD,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    if completed.returncode:
        raise BenchError(f"bench.runtime_share: {completed.stderr.strip().rpartition('\n')[2]}")
    costs: dict[str, list[float]] = json.loads(completed.stdout)
    return {name: Figure("us", tuple(values)) for name, values in costs.items()}
