"""The load generator: wrk, on a core of its own."""

from __future__ import annotations

import json
import resource
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from bench.errors import BenchError
from bench.places import BENCH

SCRIPT = BENCH / "wrk.lua"

#: Seconds after which a request has failed, and by which a run may take longer than planned.
TIMEOUT_S = 10

#: How many numbers a run may use a second: more than any load generator sends rows.
NUMBERS_A_SECOND = 10_000_000


@dataclass(frozen=True, slots=True)
class Run:
    """One measurement. It does not count if it has a fault."""

    rate: float
    p50_ms: float
    p99_ms: float
    #: How much of one core the load generator used. Near 1 it was the limit, not the server.
    load_cpu: float
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Load:
    """What to send, over how many connections, from which cores."""

    url: str
    connections: int
    cores: str
    #: A file with one body a line; None for GETs without a body.
    bodies: Path | None = None


class Generator:
    """Runs wrk. No number is sent twice."""

    def __init__(self) -> None:
        self._turns = count(1)

    def run(self, load: Load, *, seconds: int) -> Run:
        """Measure a server. Raises BenchError if wrk itself fails."""
        first = next(self._turns) * seconds * NUMBERS_A_SECOND
        command = [
            *("taskset", "-c", load.cores, "wrk", "-t1", f"-c{load.connections}"),
            *(f"-d{seconds}s", f"--timeout={TIMEOUT_S}s", "-s", str(SCRIPT), load.url, "--"),
            *([] if load.bodies is None else [str(load.bodies), str(first)]),
        ]
        used, began = _cpu_of_children(), time.perf_counter()
        completed = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds + 3 * TIMEOUT_S,
        )
        cpu = (_cpu_of_children() - used) / (time.perf_counter() - began)
        if completed.returncode:
            raise BenchError(f"wrk failed: {completed.stderr.strip() or completed.stdout.strip()}")
        return read(completed.stdout, load_cpu=cpu)


def read(output: str, *, load_cpu: float) -> Run:
    """Parse the last line of wrk's output, which wrk.lua writes. Raises BenchError."""
    try:
        measured = json.loads(output.rstrip().rpartition("\n")[2])
        errors = {name: number for name, number in measured["errors"].items() if number}
        fault = ", ".join(f"{number} {_NAMES[name]}" for name, number in errors.items())
        return Run(
            rate=measured["requests"] / (measured["us"] / 1e6),
            p50_ms=measured["p50_us"] / 1000,
            p99_ms=measured["p99_us"] / 1000,
            load_cpu=load_cpu,
            fault=fault or ("" if measured["requests"] else "no answers"),
        )
    except (ValueError, KeyError, TypeError, ZeroDivisionError) as error:
        raise BenchError(f"wrk's output cannot be read: {output[-200:]!r}") from error


def write_bodies(file: Path, bodies: Sequence[str]) -> Path:
    """Write a file for `Load.bodies`."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(bodies) + "\n")
    return file


_NAMES = {
    "connect": "connections refused",
    "read": "connections broken while reading",
    "write": "connections broken while writing",
    "timeout": "requests timed out",
    "status": "answers that were errors",
}


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
