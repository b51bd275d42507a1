"""The one error of the emulators."""

from __future__ import annotations


class EmulatorError(Exception):
    """A server cannot run. One sentence: what is wrong, and what to do."""
