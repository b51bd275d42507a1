"""Streams of bytes that are read in pieces."""

from __future__ import annotations

import io
from typing import BinaryIO

READ_BYTES = 256 * 1024


class Unclosed(io.BufferedReader):
    """A stream that its reader cannot close. Format readers close their source at the end."""

    def close(self) -> None:
        """Does nothing: the owner closes the stream."""


def require_end(source: BinaryIO) -> None:
    """Read to the end, to verify the checksum after the last row. Raises as reading does."""
    while source.read(READ_BYTES):
        pass
