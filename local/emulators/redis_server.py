"""redis-server, as the distribution packages it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local.emulators import health_check
from local.emulators.errors import EmulatorError
from local.emulators.ports import HOST


@dataclass(frozen=True, slots=True)
class RedisServer:
    """Redis with an append-only file: cached values survive a restart."""

    data: Path
    port: int
    name: str = "redis"

    @property
    def ports(self) -> tuple[int, ...]:
        return (self.port,)

    @property
    def url(self) -> str:
        return f"redis://{HOST}:{self.port}/0"

    def command(self) -> list[str]:
        program = shutil.which("redis-server")
        if program is None:
            raise EmulatorError(
                "redis-server is not installed: `apt-get install redis-server` installs it"
            )
        options = {
            "bind": HOST,
            "port": str(self.port),
            "dir": str(self.data),
            "daemonize": "no",
            "save": "",
            "appendonly": "yes",
            "appendfsync": "everysec",
        }
        return [
            program,
            *(word for name, value in options.items() for word in (f"--{name}", value)),
        ]

    def environment(self) -> Mapping[str, str]:
        return {}

    def is_healthy(self) -> bool:
        # It answers -LOADING while it reads its file.
        return health_check.answers(self.port, b"PING\r\n", expected=b"+PONG")
