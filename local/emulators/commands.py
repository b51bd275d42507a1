"""What `triscore emulators up|down|status` does. Every function raises EmulatorError."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from local.emulators.errors import EmulatorError
from local.emulators.managed_server import PROJECT
from local.emulators.ports import Ports
from local.emulators.queue_depths import QueueDepth, read_queue_depths
from local.emulators.service_bus_emulator import ServiceBusEmulator
from local.emulators.stack import Stack, servers
from local.emulators.state_folder import Record, StateFolder

#: Their folder, unless a caller names another.
STATE = PROJECT / ".triscore"
#: Seconds in which emulators in the background must be ready, and in which they must have stopped.
TIMEOUT_S = 40.0


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """One emulator, as another process finds it."""

    name: str
    ok: bool
    port: int
    pid: int | None
    #: Of the Service Bus emulator.
    queues: tuple[QueueDepth, ...] = ()

    def __str__(self) -> str:
        pid = f", pid {self.pid}" if self.pid else ""
        queues = "".join(f", {queue}" for queue in self.queues)
        return f"{self.name:<12}{'ok' if self.ok else 'down':<6}port {self.port}{pid}{queues}"


def run(state: Path, ports: Ports, on_ready: Callable[[Stack], None]) -> None:
    """Start the emulators, and stop them on SIGINT or SIGTERM."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with Stack(state, ports) as stack:
            on_ready(stack)
            stack.wait()
    except KeyboardInterrupt:
        return


def start_in_background(command: Sequence[str], state: Path, ports: Ports) -> Stack:
    """Start `command`, which calls `run`, and return once every emulator answers."""
    folder = StateFolder(state)
    log = folder.log("emulators")
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own command line
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=PROJECT,
            start_new_session=True,
        )
    deadline = time.monotonic() + TIMEOUT_S
    while not _is_ready(folder.running(), process.pid):
        if process.poll() is not None:
            raise EmulatorError(log.read_text().strip())
        if time.monotonic() > deadline:
            process.terminate()
            raise EmulatorError(f"not ready after {TIMEOUT_S:.0f} s: see {log}")
        time.sleep(0.05)
    return Stack(state, ports)


def stop(state: Path) -> bool:
    """Stop the emulators of a folder. Returns whether any ran."""
    folder = StateFolder(state)
    record = folder.running()
    if record is None:
        return False
    # The pid cannot be another process's: its process holds the lock.
    os.kill(record.pid, signal.SIGTERM)
    deadline = time.monotonic() + TIMEOUT_S
    while folder.running() is not None:
        if time.monotonic() > deadline:
            raise EmulatorError(
                f"process {record.pid} did not stop within {TIMEOUT_S:.0f} s: see "
                f"{folder.log('emulators')}"
            )
        time.sleep(0.05)
    return True


def status(state: Path, ports: Ports) -> list[ServerStatus]:
    """Ask every emulator whether it answers. `ports` are asked if none runs in the folder."""
    folder = StateFolder(state)
    record = folder.running()
    found = []
    for server in servers(folder, record.ports if record else ports):
        ok = record is not None and server.is_healthy()
        pid = record.children.get(server.name) if record and ok else None
        queues = _queue_depths(server.port) if ok and isinstance(server, ServiceBusEmulator) else ()
        found.append(ServerStatus(server.name, ok, server.ports[0], pid, queues))
    return found


def _queue_depths(port: int) -> tuple[QueueDepth, ...]:
    try:
        return tuple(read_queue_depths(port))
    except OSError:
        # It has ended since it answered.
        return ()


def _is_ready(record: Record | None, pid: int) -> bool:
    return record is not None and record.pid == pid and record.ready
