"""What a supervisor needs to know about a server."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

PROJECT = Path(__file__).resolve().parents[2]


class ManagedServer(Protocol):
    """A command to run, and a health check."""

    @property
    def name(self) -> str: ...

    @property
    def ports(self) -> tuple[int, ...]: ...

    @property
    def data(self) -> Path:
        """The folder of its data."""
        ...

    def command(self) -> list[str]:
        """Raises EmulatorError if the program is not installed, with how to install it."""
        ...

    def environment(self) -> Mapping[str, str]:
        """Variables to add to the parent's environment."""
        ...

    def is_healthy(self) -> bool:
        """Whether a server of this kind answers on every port. Never raises."""
        ...
