"""What can go wrong with the stand-ins for Azure."""

from __future__ import annotations


class EmulatorError(Exception):
    """A server cannot run. The message is one sentence for the person at the terminal."""
