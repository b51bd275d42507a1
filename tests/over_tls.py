"""A server of the emulators, started so that it speaks TLS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local.emulators.managed_server import ManagedServer
from tests.certificates import Certificate


@dataclass(frozen=True)
class OverTls[Plain: ManagedServer]:
    """The plain server but for its command and how it is asked for its health."""

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
