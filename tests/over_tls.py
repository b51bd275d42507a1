"""A local emulator's server that is started with TLS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local.emulators.managed_server import ManagedServer
from tests.certificates import Certificate


@dataclass(frozen=True)
class OverTls[Plain: ManagedServer]:
    """Like the plain server; subclasses give the command and the health check."""

    plain: Plain
    certificate: Certificate

    @property
    def data(self) -> Path:
        return self.plain.data

    @property
    def ports(self) -> tuple[int, ...]:
        return self.plain.ports

    def environment(self) -> Mapping[str, str]:
        return self.plain.environment()
