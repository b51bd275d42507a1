"""`python -m local.emulators up|down|status` runs the emulators, as `triscore emulators` does.

Exit codes: 0 done; 1 a server is down (status); 2 the emulators cannot run.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from local.emulators.errors import EmulatorError
from local.emulators.managed_server import PROJECT
from local.emulators.ports import Ports
from local.emulators.stack import Stack, servers
from local.emulators.state_folder import Record, StateFolder

#: Seconds in which `up --detach` must be ready, and in which `down` must have stopped.
TIMEOUT_S = 40.0


def main(argv: Sequence[str] | None = None) -> int:
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    try:
        options = _parser(Ports.from_env(os.environ)).parse_args(argv)
        ports = Ports(**{field.name: getattr(options, field.name) for field in fields(Ports)})
        match options.command:
            case "up" if options.detach:
                return up_detached(options.state, ports)
            case "up":
                return up(options.state, ports)
            case "down":
                return down(options.state)
            case _:
                return status(options.state, ports)
    except EmulatorError as error:
        print(f"emulators: {error}", file=sys.stderr)
        return 2


def _parser(ports: Ports) -> argparse.ArgumentParser:
    """`ports` are the defaults of the port options."""
    parser = argparse.ArgumentParser(prog="python -m local.emulators", description=__doc__)
    parser.add_argument("command", choices=("up", "down", "status"))
    parser.add_argument("--detach", action="store_true", help="up: run in the background")
    parser.add_argument(
        "--state", type=Path, default=PROJECT / ".triscore", help="the folder of data and logs"
    )
    for field in fields(Ports):
        flag = f"--{field.name.replace('_', '-')}-port"
        parser.add_argument(flag, dest=field.name, type=int, default=getattr(ports, field.name))
    return parser


def up(state: Path, ports: Ports) -> int:
    """Run until SIGINT or SIGTERM."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with Stack(state, ports) as stack:
            _print_connections(stack)
            stack.wait()
    except KeyboardInterrupt:
        return 0
    return 0


def up_detached(state: Path, ports: Ports) -> int:
    """Start in the background. Returns once all servers answer."""
    folder = StateFolder(state)
    log = folder.log("emulators")
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "local.emulators", "up", "--state", str(state.absolute())]
    for field in fields(Ports):
        command += [f"--{field.name.replace('_', '-')}-port", str(getattr(ports, field.name))]
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
            raise EmulatorError(log.read_text().strip().removeprefix("emulators: "))
        if time.monotonic() > deadline:
            process.terminate()
            raise EmulatorError(f"not ready after {TIMEOUT_S:.0f} s: see {log}")
        time.sleep(0.05)
    _print_connections(Stack(state, ports))
    return 0


def _is_ready(record: Record | None, pid: int) -> bool:
    return record is not None and record.pid == pid and record.ready


def down(state: Path) -> int:
    folder = StateFolder(state)
    record = folder.running()
    if record is None:
        print(f"no emulators run in {state}")
        return 0
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
    print("stopped")
    return 0


def status(state: Path, ports: Ports) -> int:
    folder = StateFolder(state)
    record = folder.running()
    all_ok = True
    for server in servers(folder, record.ports if record else ports):
        ok = record is not None and server.is_healthy()
        all_ok = all_ok and ok
        pid = record.children.get(server.name) if record and ok else None
        details = f"port {server.ports[0]}" + (f", pid {pid}" if pid else "")
        print(f"{server.name:<12}{'ok' if ok else 'down':<6}{details}")
    return 0 if all_ok else 1


def _print_connections(stack: Stack) -> None:
    print(f"REDIS_URL={stack.redis_url}")
    print(f"ScoringStorage={stack.storage_connection_string}")
    print(f"ServiceBusConnection={stack.servicebus_connection_string}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
