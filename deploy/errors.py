"""The error of commands that refuse what they are asked to do."""

from __future__ import annotations


class Refused(Exception):
    """One sentence: what was given, what was expected, what to do. Nothing was written."""
