"""Runs a module of the bench in a process of its own, on the core that a worker has."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from bench.errors import BenchError
from bench.places import ROOT, SERVER_CORE
from bench.servers.server import ONE_THREAD


def run(
    module: str,
    *arguments: str,
    env: Mapping[str, str] | None = None,
    timeout_s: float,
    failed: str,
) -> Any:
    """The JSON that the module prints. It has as many threads for linear algebra as a worker.

    Raises BenchError, which begins with `failed`.
    """
    completed = subprocess.run(
        ["taskset", "-c", str(SERVER_CORE), sys.executable, "-m", module, *arguments],
        env={"PYTHONPATH": str(ROOT), **ONE_THREAD, **(env or {})},
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout_s,
    )
    if completed.returncode:
        raise BenchError(f"{failed}: {completed.stderr.strip().rpartition('\n')[2]}")
    return json.loads(completed.stdout)
