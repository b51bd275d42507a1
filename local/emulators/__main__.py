"""`python -m local.emulators up|down|status`: the stand-ins, by hand.

Exit codes: 0 done; 1 not all well; 2 they cannot run.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import subprocess
import sys
import time
from dataclasses import fields
from pathlib import Path

from local.emulators.errors import EmulatorError
from local.emulators.managed_server import PROJECT
from local.emulators.ports import Ports
from local.emulators.stack import Stack, servers
from local.emulators.state_folder import Record, StateFolder

#: Seconds until a stack in the background must be ready, or gone after `down`.
PATIENCE_S = 40.0


def main() -> int:
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    try:
        options = _parser(Ports.from_env(os.environ)).parse_args()
        ports = Ports(**{field.name: getattr(options, field.name) for field in fields(Ports)})
        match options.command:
            case "up" if options.detach:
                return _up_detached(options.state, ports)
            case "up":
                return _up(options.state, ports)
            case "down":
                return _down(options.state)
            case _:
                return _status(options.state, ports)
    except EmulatorError as error:
        print(f"emulators: {error}", file=sys.stderr)
        return 2


def _parser(ports: Ports) -> argparse.ArgumentParser:
    """`ports` are the ones that no option names."""
    parser = argparse.ArgumentParser(prog="python -m local.emulators", description=__doc__)
    parser.add_argument("command", choices=("up", "down", "status"))
    parser.add_argument("--detach", action="store_true", help="up: leave them in the background")
    parser.add_argument(
        "--state", type=Path, default=PROJECT / ".triscore", help="folder of data and logs"
    )
    for field in fields(Ports):
        flag = f"--{field.name.replace('_', '-')}-port"
        parser.add_argument(flag, dest=field.name, type=int, default=getattr(ports, field.name))
    return parser


def _up(state: Path, ports: Ports) -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with Stack(state, ports) as stack:
            _print_connections(stack)
            stack.wait()
    except KeyboardInterrupt:
        return 0
    return 0


def _up_detached(state: Path, ports: Ports) -> int:
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
    deadline = time.monotonic() + PATIENCE_S
    while not _is_ready(folder.running(), process.pid):
        if process.poll() is not None:
            raise EmulatorError(log.read_text().strip().removeprefix("emulators: "))
        if time.monotonic() > deadline:
            process.terminate()
            raise EmulatorError(f"they are not ready after {PATIENCE_S:.0f} s (see {log})")
        time.sleep(0.05)
    _print_connections(Stack(state, ports))
    return 0


def _is_ready(record: Record | None, pid: int) -> bool:
    return record is not None and record.pid == pid and record.ready


def _down(state: Path) -> int:
    folder = StateFolder(state)
    record = folder.running()
    if record is None:
        print(f"no emulators run in {state}")
        return 0
    # Safe from a pid that has become somebody else's: its process holds the lock.
    os.kill(record.pid, signal.SIGTERM)
    deadline = time.monotonic() + PATIENCE_S
    while folder.running() is not None:
        if time.monotonic() > deadline:
            raise EmulatorError(
                f"process {record.pid} does not stop (see {folder.log('emulators')})"
            )
        time.sleep(0.05)
    print("stopped")
    return 0


def _status(state: Path, ports: Ports) -> int:
    folder = StateFolder(state)
    record = folder.running()
    all_well = True
    for server in servers(folder, record.ports if record else ports):
        well = record is not None and server.is_healthy()
        all_well = all_well and well
        pid = record.children.get(server.name) if record and well else None
        place = f"port {server.ports[0]}" + (f", pid {pid}" if pid else "")
        print(f"{server.name:<12}{'ok' if well else 'down':<6}{place}")
    return 0 if all_well else 1


def _print_connections(stack: Stack) -> None:
    print(f"REDIS_URL={stack.redis_url}")
    print(f"ScoringStorage={stack.storage_connection_string}")
    print(f"ServiceBusConnection={stack.servicebus_connection_string}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
