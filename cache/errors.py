"""What can go wrong with a cache: nothing else leaves this package."""

from __future__ import annotations


class CacheUnavailable(ConnectionError):
    """The operation had no answer in time, or was refused. Nothing is known about the value."""


class ValueTooLarge(CacheUnavailable, ValueError):
    """The value alone is larger than the store: to try again changes nothing."""


class CacheSettingError(ValueError):
    """A setting cannot be used."""

    def __init__(self, *, name: str, value: str, expected: str) -> None:
        super().__init__(f"{name} is {value!r}, expected {expected}")
        self.name = name
        self.value = value
        self.expected = expected
