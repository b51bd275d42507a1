"""What a queue is told about itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """The properties of one queue; those of Service Bus itself, in milliseconds."""

    name: str
    lock_duration_ms: int = 60_000
    max_delivery_count: int = 10
    #: None where messages live for ever, as by default in Service Bus.
    default_ttl_ms: int | None = None
    dead_letters_expired: bool = False
    #: None where duplicates are not looked for.
    duplicate_window_ms: int | None = None

    def life_ms(self, ttl_ms: int | None) -> int | None:
        """How long a message lives: its own time to live, but no longer than the queue's."""
        lives = [life_ms for life_ms in (ttl_ms, self.default_ttl_ms) if life_ms is not None]
        return min(lives, default=None)
