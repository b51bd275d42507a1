"""HostError ends the host; BindingFailed ends one invocation."""

from __future__ import annotations


class HostError(Exception):
    """The host cannot start. One sentence: what is wrong, and what to do. Exit code 2."""


class BindingFailed(Exception):
    """An input binding's value cannot be read, or an output binding's cannot be sent."""

    @classmethod
    def from_error(cls, error: BaseException) -> BindingFailed:
        """From an SDK's error, so that callers need not import its class."""
        return cls(f"{type(error).__name__}: {error}")
