"""What the stack needs to know of a server."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

PROJECT = Path(__file__).resolve().parents[2]


class ManagedServer(Protocol):
    """A program to run and a way to ask whether it serves."""

    @property
    def name(self) -> str: ...

    @property
    def ports(self) -> tuple[int, ...]: ...

    @property
    def data(self) -> Path:
        """The folder of all that it keeps."""
        ...

    def command(self) -> list[str]:
        """Raises EmulatorError where the program is not installed, naming how to install it."""
        ...

    def environment(self) -> Mapping[str, str]:
        """Variables beside those of the parent."""
        ...

    def is_healthy(self) -> bool:
        """Whether this very kind of server answers on every port, now. Never raises."""
        ...
