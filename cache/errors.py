"""The errors of this package. It raises no others.

ConnectionError
  CacheUnavailable
    ValueTooLarge      also a ValueError
ValueError
  CacheSettingError
"""

from __future__ import annotations


class CacheUnavailable(ConnectionError):
    """An operation had no answer in time, or was refused. Whether there is a value is unknown."""


class ValueTooLarge(CacheUnavailable, ValueError):
    """A value is larger than the whole store. A retry does not help."""


class CacheSettingError(ValueError):
    """A setting cannot be used."""

    def __init__(self, *, name: str, value: str, expected: str) -> None:
        super().__init__(f"{name} is {value!r}, expected {expected}")
        self.name = name
        self.value = value
        self.expected = expected
