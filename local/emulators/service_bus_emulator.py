"""This project's Service Bus emulator, as a process."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local.emulators import health_check
from local.emulators.managed_server import PROJECT
from local.emulators.ports import HOST

CONFIG = Path(__file__).with_name("Config.json")

#: AMQP 1.0's first bytes: protocol 3 (SASL), version 1.0.0.
SASL_HEADER = b"AMQP\x03\x01\x00\x00"


@dataclass(frozen=True, slots=True)
class ServiceBusEmulator:
    """Runs the Service Bus emulator with the queues of a Config.json."""

    data: Path
    port: int
    config: Path = CONFIG
    name: str = "servicebus"

    @property
    def ports(self) -> tuple[int, ...]:
        return (self.port,)

    @property
    def connection_string(self) -> str:
        return (
            f"Endpoint=sb://localhost:{self.port};SharedAccessKeyName=RootManageSharedAccessKey;"
            "SharedAccessKey=SAS_KEY_VALUE;UseDevelopmentEmulator=true;"
        )

    def command(self) -> list[str]:
        return [sys.executable, "-m", "local.emulators.servicebus", *self.arguments()]

    def arguments(self) -> list[str]:
        """Those of the emulator's own command line."""
        return [
            *("--config", str(self.config)),
            *("--db", str(self.data / "servicebus.db")),
            *("--host", HOST),
            *("--port", str(self.port)),
        ]

    def environment(self) -> Mapping[str, str]:
        inherited = os.environ.get("PYTHONPATH", "")
        return {"PYTHONPATH": os.pathsep.join(filter(None, (str(PROJECT), inherited)))}

    def is_healthy(self) -> bool:
        return health_check.answers(self.port, SASL_HEADER, expected=SASL_HEADER)
