"""The errors of the demo. Each is one sentence: what is wrong, and what to do."""

from __future__ import annotations


class DemoError(Exception):
    """Something that the demo needs is missing."""


class TourError(Exception):
    """A trigger did not answer as it must."""
