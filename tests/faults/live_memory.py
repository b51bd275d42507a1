"""What the app's processes hold: memory in use, which a leak makes grow, and resident memory."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import NamedTuple

from tests.faults import stack
from tests.faults.outcome import Outcome
from tests.running_app import App

#: On PYTHONPATH, with MEMORY_SOCKETS a folder for their sockets, the app's processes tell.
IN_HOST = Path(__file__).parent / "in_host"


class Memory(NamedTuple):
    """Of the host and its worker."""

    #: Objects in Python's arenas.
    blocks: int
    #: Bytes in use in the C library's heap.
    heap: int
    #: Bytes.
    resident: int

    def __str__(self) -> str:
        return (
            f"{self.blocks / 1000:.0f} k blocks and {self.heap / 2**20:.1f} MiB of heap in use,"
            f" {self.resident >> 20} MiB resident"
        )


def ask(app: App, sockets: str) -> Memory:
    """What is in use now, at rest, in all processes. `sockets`: the folder of MEMORY_SOCKETS."""
    told = [_told(path) for path in Path(sockets).iterdir()]
    blocks, heap = (sum(each[name] for each in told) for name in ("blocks", "heap"))
    return Memory(blocks, heap, stack.resident(app.host.process.pid))


def _told(path: Path) -> dict[str, int]:
    with socket.socket(socket.AF_UNIX) as teller:
        teller.settimeout(30)
        teller.connect(str(path))
        told: dict[str, int] = json.loads(teller.makefile().read())
    return told


def check(outcome: Outcome, way: str, before: Memory, after: Memory, bound: float) -> None:
    """What is in use may grow by `bound`. What is resident is told: freed memory is part of it."""
    outcome.figure(f"memory {way}: {before}, then {after}")
    for name in ("blocks", "heap"):
        growth = getattr(after, name) / getattr(before, name)
        outcome.require(growth <= bound, f"memory in use ({name}) grew {way} by {growth - 1:.1%}")
