"""Which ports the demo uses: the usual ones, or free ones where other programs have those."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from local.demo.errors import DemoError
from local.emulators.ports import Ports, is_free

HTTP_PORT = 7071
LAST_PORT = 65535
#: Seconds to wait for taken ports after a stack was killed: its servers release them within this.
RELEASE_S = 5.0
#: The same for the port of a killed host.
HOST_RELEASE_S = 1.5


def choose_http_port(asked: int | None, others: Sequence[int] = (), *, target: str = "run") -> int:
    """The port of the host, none of `others`. `target`: of make, as a person types it.

    Raises DemoError if `asked` is taken.
    """
    wanted = HTTP_PORT if asked is None else asked
    _wait_until_free([wanted], HOST_RELEASE_S)
    free = _next_free(wanted, set(others))
    if asked not in (None, free):
        raise DemoError(
            f"port {asked} is taken (`ss -ltnp 'sport = :{asked}'` shows by which program): stop"
            f" that, or try `make {target} PORT={free}`"
        )
    return free


def choose_ports(env: Mapping[str, str], *, was_killed: bool) -> Ports:
    """The emulators' ports. Those of TRISCORE_PORTS are not replaced. Raises EmulatorError."""
    ports = Ports.from_env(env)
    if env.get("TRISCORE_PORTS"):
        return ports
    usual = asdict(ports)
    if was_killed:
        _wait_until_free(list(usual.values()), RELEASE_S)
    chosen: dict[str, int] = {}
    for name, port in usual.items():
        others = set(usual.values()) - {port} | set(chosen.values())
        chosen[name] = _next_free(port, others)
    return Ports(**chosen)


def _wait_until_free(ports: list[int], most_s: float) -> None:
    deadline = time.monotonic() + most_s
    while not all(map(is_free, ports)) and time.monotonic() < deadline:
        time.sleep(0.05)


def _next_free(port: int, others: set[int]) -> int:
    while port in others or not is_free(port):
        port = port + 1 if port < LAST_PORT else HTTP_PORT
    return port
