"""The folder of a stack: data, logs, and a record of the running process.

data/<server>/     a server's data
logs/<server>.log  its output since the last start
emulators.lock     locked (flock) by the running stack; the kernel releases it when the stack dies
emulators.json     the stack's pid, ports and children, for `triscore emulators status` and `down`
"""

from __future__ import annotations

import fcntl
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Self

from local.emulators.errors import EmulatorError
from local.emulators.ports import Ports


@dataclass(frozen=True, slots=True)
class Record:
    """A running stack, as another process sees it."""

    pid: int
    ports: Ports
    #: Whether all servers have answered once.
    ready: bool
    #: Process ids by server name.
    children: dict[str, int]

    @classmethod
    def parse(cls, text: str) -> Self:
        fields = json.loads(text)
        return cls(**{**fields, "ports": Ports(**fields["ports"])})


class StateFolder:
    """The process that holds the lock runs the stack."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._record_file = root / "emulators.json"
        self._lock: IO[bytes] | None = None

    def __repr__(self) -> str:
        return f"<StateFolder {self.root} {'locked' if self._lock else 'not locked'}>"

    def data(self, server: str) -> Path:
        return self.root / "data" / server

    def log(self, name: str) -> Path:
        return self.root / "logs" / f"{name}.log"

    @property
    def was_killed(self) -> bool:
        """Whether a stack that no longer runs left its record behind."""
        return self._record_file.exists() and self.running() is None

    def acquire(self) -> bool:
        """Lock the folder. Returns whether its previous stack was killed.

        Raises EmulatorError if another stack runs in it.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        lock = self._try_lock()
        if lock is None:
            raise EmulatorError(
                f"the emulators of {self.root} are running already: use them, or stop them with "
                "`triscore emulators down`"
            )
        self._lock = lock
        return self._record_file.exists()

    def release(self) -> None:
        if self._lock is not None:
            self._record_file.unlink(missing_ok=True)
            self._lock.close()
            self._lock = None

    def write(self, record: Record) -> None:
        """Replace the record atomically. Only the holder of the lock may call it."""
        draft = self._record_file.with_suffix(".draft")
        draft.write_text(json.dumps(asdict(record)))
        draft.replace(self._record_file)

    def running(self) -> Record | None:
        """The record of the stack that holds the lock; None if no stack runs.

        A killed stack leaves its record behind, but not the lock. Its pid may be reused.
        """
        if not self.root.is_dir():
            return None
        lock = self._try_lock()
        if lock is not None:
            lock.close()
            return None
        try:
            return Record.parse(self._record_file.read_text())
        except FileNotFoundError:
            return None

    def _try_lock(self) -> IO[bytes] | None:
        lock = (self.root / "emulators.lock").open("ab")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            return None
        return lock
