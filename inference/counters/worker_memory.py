"""The memory of one worker's counters and gauges: private, or a file that other workers read."""

from __future__ import annotations

import fcntl
import mmap
import os
from array import array
from pathlib import Path
from typing import NamedTuple, Self

from inference.counters import gauges
from inference.counters.slots import SLOTS

COUNTER_BYTES = 8 * SLOTS
BYTES = COUNTER_BYTES + 8 * len(gauges.GAUGES)


class Reading(NamedTuple):
    """The counters and gauges of a process at one moment."""

    counters: array[int]
    gauges: tuple[float, ...]

    @classmethod
    def of(cls, content: memoryview) -> Self:
        # Number by number: a copy of bytes might catch half of one that is being written.
        counters = content[:COUNTER_BYTES].cast("q").tolist()
        return cls(array("q", counters), tuple(content[COUNTER_BYTES:].cast("d").tolist()))


class WorkerMemory:
    """`buffer` has BYTES bytes."""

    def __init__(self, buffer: memoryview | None = None) -> None:
        self._content = memoryview(bytearray(BYTES)) if buffer is None else buffer
        self.counters = self._content[:COUNTER_BYTES]
        self._gauges = self._content[COUNTER_BYTES:].cast("d")
        gauges.write({}, self._gauges)

    def write_gauges(self, values: dict[str, float]) -> None:
        gauges.write(values, self._gauges)

    def read(self) -> Reading:
        return Reading.of(self._content)


class WorkerFile(WorkerMemory):
    """A file in shared memory. The process holds a lock on it, which ends with the process.

    The kernel keeps what was written when the process is killed.
    """

    def __init__(self, path: Path) -> None:
        """Make the file. Raises OSError, as when the file system is full."""
        self.path = path
        # It appears under its name once it is locked: without a lock it is that of a dead worker.
        hidden = path.with_name(f".{path.name}")
        self._file = os.open(hidden, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Written, not only made longer: a page without memory would end the process later.
        os.write(self._file, bytes(BYTES))
        super().__init__(memoryview(mmap.mmap(self._file, BYTES)))
        hidden.rename(path)


def read_file(path: Path) -> Reading:
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with mmap.mmap(file, BYTES, prot=mmap.PROT_READ) as shared, memoryview(shared) as content:
            return Reading.of(content)
    finally:
        os.close(file)


def is_locked(path: Path) -> bool:
    """Whether the process that made the file is alive."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False
