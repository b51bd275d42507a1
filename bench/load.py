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

#: Seconds until a request counts as failed; also how long a run may take beyond its time.
TIMEOUT_S = 10

#: Numbers that a run may use up a second: more than any load generator sends rows.
NUMBERS_A_SECOND = 10_000_000


@dataclass(frozen=True, slots=True)
class Run:
    """One measurement. With a fault it does not count, whatever its figures."""

    rate: float
    p50_ms: float
    p99_ms: float
    #: How much of one core the load generator used: near 1, it was the limit, not the server.
    load_cpu: float
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Load:
    """What is sent, over how many connections, from which cores."""

    url: str
    connections: int
    cores: str
    #: A file of bodies, one a line; None sends GETs without a body.
    bodies: Path | None = None


class Generator:
    """Runs wrk, and never has it send the same number twice."""

    def __init__(self) -> None:
        self._turns = count(1)

    def run(self, load: Load, *, seconds: int) -> Run:
        """Put load on a server. Raises BenchError where wrk itself fails."""
        first = next(self._turns) * seconds * NUMBERS_A_SECOND
        command = [
            *("taskset", "-c", load.cores, "wrk", "-t1", f"-c{load.connections}"),
            *(f"-d{seconds}s", f"--timeout={TIMEOUT_S}s", "-s", str(SCRIPT), load.url, "--"),
            *([] if load.bodies is None else [str(load.bodies), str(first)]),
        ]
        used, began = _cpu_of_children(), time.perf_counter()
        told = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds + 3 * TIMEOUT_S,
        )
        cpu = (_cpu_of_children() - used) / (time.perf_counter() - began)
        if told.returncode:
            raise BenchError(f"wrk failed: {told.stderr.strip() or told.stdout.strip()}")
        return read(told.stdout, load_cpu=cpu)


def read(output: str, *, load_cpu: float) -> Run:
    """What wrk measured, from the line that wrk.lua writes last. Raises BenchError."""
    try:
        said = json.loads(output.rstrip().rpartition("\n")[2])
        errors = {name: number for name, number in said["errors"].items() if number}
        fault = ", ".join(f"{number} {_NAMES[name]}" for name, number in errors.items())
        return Run(
            rate=said["requests"] / (said["us"] / 1e6),
            p50_ms=said["p50_us"] / 1000,
            p99_ms=said["p99_us"] / 1000,
            load_cpu=load_cpu,
            fault=fault or ("" if said["requests"] else "no answers"),
        )
    except (ValueError, KeyError, TypeError, ZeroDivisionError) as error:
        raise BenchError(f"wrk said nothing usable: {output[-200:]!r}") from error


def write_bodies(file: Path, bodies: Sequence[str]) -> Path:
    """A file for `Load.bodies`."""
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
