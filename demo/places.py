"""Where everything of the demo is, and the host as one of the servers that are kept running."""

from __future__ import annotations

import os
import sys
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from emulators.ports import HOST, Ports
from emulators.stack import Stack

ROOT = Path(__file__).resolve().parent.parent
STATE = ROOT / ".triscore"


@dataclass(frozen=True, slots=True)
class HostServer:
    """`python -m host` on this folder, in the shape that emulators.supervisor runs."""

    stack: Stack
    port: int = 7071
    name: str = "host"
    data: Path = field(default=STATE / "data" / "host")

    @property
    def ports(self) -> tuple[int, ...]:
        return (self.port,)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def command(self) -> list[str]:
        return [sys.executable, "-m", "host", "--app", str(ROOT), "--port", str(self.port)]

    def environment(self) -> Mapping[str, str]:
        """The emulators of this run, unless the caller's own settings say otherwise."""
        ours = {
            "AzureWebJobsStorage": self.stack.storage_connection_string,
            "ScoringStorage": self.stack.storage_connection_string,
            "ServiceBusConnection": self.stack.servicebus_connection_string,
            "REDIS_URL": self.stack.redis_url,
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
        }
        return {name: os.environ.get(name, value) for name, value in ours.items()}

    def healthy(self) -> bool:
        """Whether the model has answered once, so that nobody waits for its loading."""
        try:
            with urllib.request.urlopen(f"{self.url}/api/health/ready", timeout=1) as response:
                return bool(response.status == 200)
        except OSError:
            return False


def ports() -> Ports:
    """The emulators' ports; TRISCORE_PORTS moves them all, for a second copy on one machine."""
    first = os.environ.get("TRISCORE_PORTS", "")
    if not first:
        return Ports()
    base = int(first)
    return Ports(base + 1, base + 2, base + 3, base + 4, base + 5)
