"""What the worker asks of its listeners."""

from __future__ import annotations

from typing import Protocol


class Listener(Protocol):
    """Brings a trigger's events from `start` to `stop`."""

    async def start(self) -> None:
        """Begin. What is listened to may be away: the listener waits for it."""

    async def stop(self) -> None:
        """Take nothing new and let what runs finish. Cancelled: end at once."""
