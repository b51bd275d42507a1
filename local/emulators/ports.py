"""The emulators' ports, and whether they are free."""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, fields

from local.emulators.errors import EmulatorError

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports on the loopback interface."""

    redis: int = 16379
    azurite_blob: int = 10000
    azurite_queue: int = 10001
    azurite_table: int = 10002
    servicebus: int = 5672

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Ports:
        """TRISCORE_PORTS=20000 means ports 20001 to 20005. Raises EmulatorError."""
        first = env.get("TRISCORE_PORTS", "").strip()
        if not first:
            return cls()
        if not (first.isascii() and first.isdecimal() and 1024 <= int(first) <= 65000):
            raise EmulatorError(f"TRISCORE_PORTS is {first!r}, expected a port from 1024 to 65000")
        return cls(*(int(first) + number for number, _ in enumerate(fields(cls), 1)))


def is_free(port: int) -> bool:
    """Whether a server could listen on the port now."""
    with socket.socket() as probe:
        # As servers do, so that closed connections in TIME_WAIT do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def require_free(port: int, wanted_by: str, *, wait_s: float = 0.0) -> None:
    """Raises EmulatorError if another program still listens on the port after `wait_s`."""
    deadline = time.monotonic() + wait_s
    while not is_free(port):
        if time.monotonic() >= deadline:
            raise EmulatorError(
                f"port {port}, which {wanted_by} needs, is taken: stop the program that listens "
                f"there (`ss -ltnp 'sport = :{port}'` shows it), or choose another port"
            )
        time.sleep(0.05)
