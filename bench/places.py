"""The bench's folders, cores and ports."""

from __future__ import annotations

import random
from pathlib import Path

from local.emulators.ports import is_free

BENCH = Path(__file__).resolve().parent
ROOT = BENCH.parent
STATE = ROOT / ".triscore"
#: Models, logs, results and what servers write. It can be deleted.
WORK = STATE / "bench"
LOGS = WORK / "logs"
PEERS = STATE / "peers"

#: A server with one worker has the first core. The load generator and Redis have the second.
SERVER_CORE, LOAD_CORE = 0, 1

#: Below the range that the kernel uses for outgoing connections.
PORTS = range(20000, 32000)

_given: set[int] = set()


def free_port() -> int:
    """A free port, a different one each time."""
    while (port := random.choice(PORTS)) in _given or not is_free(port):  # noqa: S311 - no secret
        pass
    _given.add(port)
    return port
