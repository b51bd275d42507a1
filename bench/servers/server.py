"""A server to measure, and its running process."""

from __future__ import annotations

import contextlib
import os
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from bench.bodies import Dialect
from bench.errors import BenchError
from bench.places import LOAD_CORE, LOGS, SERVER_CORE
from local.emulators.child import Child
from local.emulators.ports import HOST

READY_S = 90.0
STOP_S = 15.0

#: One BLAS thread in each process of every server: each process has one core.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """How to start a server and how to call it. One with several workers uses all cores."""

    name: str
    workers: int = 1
    command: tuple[str, ...]
    port: int
    #: A path that answers 200 as soon as the server can score.
    ready: str
    #: None for a server that only answers `ready`.
    dialect: Dialect | None
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: Path | None = None
    #: Whether its answers must come without a cache.
    uncached: bool = False

    @property
    def id(self) -> str:
        return f"{self.name}@{self.workers}"

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def cores(self) -> str:
        return cores(self.workers)

    @property
    def load_cores(self) -> str:
        """The cores of its load generator: the other core, or all if the server uses all."""
        return str(LOAD_CORE) if self.workers == 1 else self.cores


def cores(workers: int) -> str:
    return str(SERVER_CORE) if workers == 1 else f"{SERVER_CORE},{LOAD_CORE}"


class Running:
    """A running server. Leaving the context stops it and its workers."""

    def __init__(self, server: Server) -> None:
        self.server = server
        LOGS.mkdir(parents=True, exist_ok=True)
        # Variables of this machine must not change what is measured.
        inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        self._child = Child(
            ["taskset", "-c", server.cores, *server.command],
            log=LOGS / f"{server.id}.log",
            env={**inherited, **ONE_THREAD, **server.env},
            cwd=server.cwd,
        )

    def __repr__(self) -> str:
        return f"<Running {self.server.id} {self._child!r}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        return self._child.pid

    def wait_ready(self) -> None:
        """Raises BenchError if the server ends or does not answer in time."""
        deadline = time.monotonic() + READY_S
        while not answers(self.server.url + self.server.ready):
            if (code := self._child.exit_code) is not None:
                raise BenchError(f"ended with {code}: {self._child.last_line()}")
            if time.monotonic() > deadline:
                raise BenchError(f"not ready within {READY_S:g} s, see {self._child.log}")
            time.sleep(0.05)

    def ask_to_stop(self) -> None:
        self._child.signal(signal.SIGTERM)

    def stop(self) -> None:
        self._child.stop(STOP_S)
        # Workers that outlived their parent.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._child.pid, signal.SIGKILL)


def answers(url: str) -> bool:
    """Whether the server answers 200 now."""
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return bool(response.status == 200)
    except OSError:  # a refusal by HTTP among them
        return False
