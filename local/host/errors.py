"""What stops the host before it serves, and what keeps a binding from its value."""

from __future__ import annotations


class HostError(Exception):
    """One sentence for whoever started the host: what is wrong, and what to do. Exit code 2."""


class BindingFailed(Exception):
    """What a binding reads can't be had, or what it sends can't be sent."""

    @classmethod
    def by(cls, error: BaseException) -> BindingFailed:
        """By an SDK's error, whose class no caller needs to import."""
        return cls(f"{type(error).__name__}: {error}")
