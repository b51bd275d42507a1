"""What ends a command of `triscore` before it writes anything."""

from __future__ import annotations


class Refused(Exception):
    """One sentence: what was given, what was expected, what to do. Exit code 2."""
