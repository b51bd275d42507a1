"""The environment of a measurement."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from pathlib import Path
from typing import Any

from bench.servers.field import ENVIRONMENTS


def environment() -> dict[str, Any]:
    """The machine, the versions of programs, and every peer's packages."""
    return {
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "cores": len(os.sched_getaffinity(0)),
        "processor": _processor(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "load average before": round(os.getloadavg()[0], 2),
        "wrk": _first_line(["wrk", "-v"]),
        "redis-server": _first_line(["redis-server", "--version"]),
        "peers": {each.name: each.versions() for each in ENVIRONMENTS if each.is_there},
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _first_line(command: list[str]) -> str:
    completed = subprocess.run(command, capture_output=True, text=True, check=False)
    return (completed.stdout + completed.stderr).strip().partition("\n")[0]
