"""The counters of all workers of an instance, so that a scrape of one of them tells of all.

An instance of Azure Functions runs FUNCTIONS_WORKER_PROCESS_COUNT workers behind one address, and a
scrape reaches any of them. Each worker counts in a file of its own, in a folder of shared memory.
The reader adds up the files. The counters of a worker that ended are added to the file `ended`, so
that no sum goes back.

It is ours because prometheus_client's multiprocess mode keeps a file for each type of metric of
each process that ever ran, takes a lock and packs a float for each increment, and allows neither
collectors nor its own process metrics.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

from inference.counters import gauges
from inference.counters.slots import SLOTS
from inference.counters.worker_memory import (
    COUNTER_BYTES,
    Reading,
    WorkerFile,
    WorkerMemory,
    is_locked,
    read_file,
)
from inference.errors import Overloaded

#: Seconds that a reader waits for another one. Reading takes milliseconds.
LOCK_S = 2.0
PAUSE_S = 0.005


class InstanceReading(NamedTuple):
    """All workers of an instance at one moment."""

    #: Sums over the workers that are alive and those that ended.
    counters: memoryview
    #: By name, merged over the workers that are alive.
    gauges: dict[str, float]
    #: Process ids of the workers that are alive.
    pids: list[int]
    #: How many workers ended.
    exits: int


class Instance(Protocol):
    """`memory` is that of the worker itself."""

    @property
    def memory(self) -> WorkerMemory: ...

    def read(self) -> InstanceReading:
        """Blocks. Raises Overloaded and OSError."""
        ...


class SingleWorker:
    """An instance with one worker, which shares nothing."""

    def __init__(self) -> None:
        self.memory = WorkerMemory()

    def read(self) -> InstanceReading:
        return _add_up([(os.getpid(), self.memory.read())], array("q", bytes(COUNTER_BYTES)), 0)


class WorkersInFolder:
    """An instance whose workers have a folder in common."""

    def __init__(self, folder: Path) -> None:
        """Join the others. Raises OSError."""
        self._folder = folder
        # The time makes it unique: process ids are given again.
        self.memory = WorkerFile(folder / f"worker-{os.getpid()}-{time.time_ns()}")

    def __repr__(self) -> str:
        return f"<WorkersInFolder {self._folder}>"

    def read(self) -> InstanceReading:
        with self._locked():
            ended = Ended.read(self._folder / "ended")
            live: list[tuple[int, Reading]] = []
            dead: list[Path] = []
            for path in sorted(self._folder.glob("worker-*")):
                if path.name in ended.names:  # it was added, and the reader ended before this
                    path.unlink()
                    continue
                is_alive = is_locked(path)
                reading = read_file(path)
                if is_alive:
                    live.append((int(path.name.split("-")[1]), reading))
                else:
                    ended.add(path.name, reading.counters)
                    dead.append(path)
            if dead:
                ended.write(self._folder / "ended")
                for path in dead:
                    path.unlink()
        return _add_up(live, ended.counters, ended.count)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """A block that one reader is in at a time. Raises Overloaded after LOCK_S."""
        gives_up_at = time.monotonic() + LOCK_S
        file = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > gives_up_at:
                        raise Overloaded(
                            "another worker is reading the metrics; try again later"
                        ) from None
                    time.sleep(PAUSE_S)
            yield
        finally:
            os.close(file)


class Ended:
    """The sums of the workers that ended. The file is replaced as a whole."""

    def __init__(self, counters: array[int], count: int, names: frozenset[str]) -> None:
        self.counters, self.count = counters, count
        #: Files that were added last. They are ignored if they still exist.
        self.names = names
        self._added: list[str] = []

    @classmethod
    def read(cls, path: Path) -> Ended:
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return cls(array("q", bytes(COUNTER_BYTES)), 0, frozenset())
        counters = array("q", content[: COUNTER_BYTES + 8])
        names = frozenset(content[COUNTER_BYTES + 8 :].decode().split())
        return cls(counters[:SLOTS], counters[SLOTS], names)

    def add(self, name: str, counters: array[int]) -> None:
        self.counters = _sum(self.counters, counters)
        self.count += 1
        self._added.append(name)

    def write(self, path: Path) -> None:
        new = path.with_name("ended.new")
        names = " ".join(self._added).encode()
        new.write_bytes(self.counters.tobytes() + array("q", [self.count]).tobytes() + names)
        new.replace(path)


def _add_up(live: list[tuple[int, Reading]], ended: array[int], exits: int) -> InstanceReading:
    total = _sum(ended, *(reading.counters for _, reading in live))
    values = gauges.merge(reading.gauges for _, reading in live)
    return InstanceReading(memoryview(total).cast("B"), values, [pid for pid, _ in live], exits)


def _sum(*counters: array[int]) -> array[int]:
    return array("q", map(sum, zip(*counters, strict=True)))
