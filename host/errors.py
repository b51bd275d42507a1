"""What stops the host before it serves."""

from __future__ import annotations


class HostError(Exception):
    """One sentence for whoever started the host: what is wrong, and what to do. Exit code 2."""
