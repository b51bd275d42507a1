"""The Redis that all servers share, a database each, and the speed of Redis without any of them."""

from __future__ import annotations

import csv
import io
import subprocess
import time
from typing import Self

from bench.errors import BenchError
from bench.places import LOAD_CORE, LOGS, SERVER_CORE, free_port
from bench.results import Figure
from bench.servers.stage import DATABASES
from local.emulators import health_check
from local.emulators.child import Child
from local.emulators.ports import HOST

READY_S = 10.0
REQUESTS = 50_000


class RedisStore:
    """redis-server, configured as a cache: no persistence, old keys are evicted."""

    def __init__(self, core: int = LOAD_CORE) -> None:
        self.port = free_port()
        options = {
            "bind": HOST,
            "port": str(self.port),
            "databases": str(DATABASES),
            "save": "",
            "appendonly": "no",
            "dir": str(LOGS),
            "maxmemory": "2gb",
            "maxmemory-policy": "allkeys-lru",
        }
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        LOGS.mkdir(parents=True, exist_ok=True)
        self._child = Child(
            ["taskset", "-c", str(core), "redis-server", *words], log=LOGS / "redis.log"
        )

    def __repr__(self) -> str:
        return f"<RedisStore {self.port} {self._child!r}>"

    def __enter__(self) -> Self:
        deadline = time.monotonic() + READY_S
        while not health_check.answers(self.port, b"PING\r\n", expected=b"+PONG"):
            if self._child.exit_code is not None or time.monotonic() > deadline:
                self._child.stop()
                raise BenchError(f"redis-server did not start: {self._child.last_line()}")
            time.sleep(0.02)
        return self

    def __exit__(self, *_: object) -> None:
        self._child.stop()


def limits(rounds: int) -> dict[str, Figure]:
    """GETs a second, measured by redis-benchmark. Server and client have a core each."""
    return {
        f"redis-benchmark GET, {label}": Figure("requests/s", _gets_a_second(connections, rounds))
        for connections, label in ((1, "1 connection"), (16, "16 connections"))
    }


def _gets_a_second(connections: int, rounds: int) -> tuple[float, ...]:
    with RedisStore(SERVER_CORE) as redis:
        command = [
            *("taskset", "-c", str(LOAD_CORE), "redis-benchmark", "-p", str(redis.port)),
            *("-t", "get", "-n", str(REQUESTS), "-c", str(connections), "-r", "1000", "--csv"),
        ]
        return tuple(_rate(command) for _ in range(rounds))


def _rate(command: list[str]) -> float:
    completed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    lines = csv.DictReader(io.StringIO(completed.stdout))
    return float(next(line["rps"] for line in lines if line["test"] == "GET"))
