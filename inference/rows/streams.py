"""Streams of bytes that are read in pieces."""

from __future__ import annotations

import io
from abc import abstractmethod
from typing import Any, BinaryIO

READ_BYTES = 256 * 1024


class Produced(io.RawIOBase):
    """A raw stream, for io.BufferedReader, whose bytes its subclass makes when they are read."""

    @abstractmethod
    def produce(self, size: int) -> bytes | memoryview:
        """The next bytes, at most `size`; none at the end."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        content = self.produce(len(buffer))
        buffer[: len(content)] = content
        return len(content)


class Unclosed(io.BufferedReader):
    """A stream that its reader cannot close. Format readers close their source at the end."""

    def close(self) -> None:
        """Does nothing: the owner closes the stream."""


def require_end(source: BinaryIO) -> None:
    """Read to the end, to verify the checksum after the last row. Raises as reading does."""
    while source.read(READ_BYTES):
        pass
