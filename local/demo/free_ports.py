"""Which ports the demo uses: the usual ones, or free ones where other programs have those."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from local.emulators.ports import Ports, is_free, require_free

HTTP_PORT = 7071
#: Seconds to wait for taken ports after a stack was killed: its servers release them within this.
RELEASE_S = 5.0
#: The same for the port of a killed host.
HOST_RELEASE_S = 1.5


def choose_http_port(asked: int | None, others: Sequence[int] = ()) -> int:
    """The port of the host, none of `others`. Raises EmulatorError if `asked` is taken."""
    if asked is not None:
        require_free(asked, "the host", wait_s=HOST_RELEASE_S)
        return asked
    _wait_until_free([HTTP_PORT], HOST_RELEASE_S)
    return _next_free(HTTP_PORT, set(others))


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
        port += 1
    return port
