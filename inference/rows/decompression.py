"""Compressed streams, unpacked while they are read. A stream that is cut short is an error."""

from __future__ import annotations

import io
import zlib
from typing import Any, BinaryIO, cast

from inference.errors import MalformedInput, UnsupportedType
from inference.rows.content_encoding import SUPPORTED

READ_BYTES = 256 * 1024

#: Makes zlib detect gzip and zlib headers.
_EITHER = zlib.MAX_WBITS | 32
_GZIP_MAGIC = b"\x1f\x8b"


class Kept(io.BufferedReader):
    """A stream that its reader cannot close. Format readers close their source at the end."""

    def close(self) -> None:
        """Does nothing: the owner closes the stream."""


def unpacked(source: BinaryIO, encoding: str) -> BinaryIO:
    """The stream before `Content-Encoding: {encoding}`, or the stream itself without an encoding.

    Raises UnsupportedType. Reading raises MalformedInput if the bytes have another encoding or
    end before the compressed stream does.
    """
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return source
    if encoding not in SUPPORTED:
        raise UnsupportedType(got=encoding[:40], supported=SUPPORTED, what="content encoding")
    return cast(BinaryIO, Kept(_Unpacked(source, encoding), READ_BYTES))


def require_end(source: BinaryIO) -> None:
    """Read to the end, to verify the checksum after the last row. Raises as reading does."""
    while source.read(READ_BYTES):
        pass


class _Unpacked(io.RawIOBase):
    """A raw stream for io.BufferedReader. It holds at most one read of each side."""

    def __init__(self, source: BinaryIO, encoding: str) -> None:
        self._source, self._encoding = source, encoding
        self._unpacker = zlib.decompressobj(_EITHER)
        self._packed = b""
        self._began = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while True:
            if not self._packed:
                self._packed = self._source.read(READ_BYTES)
            if not self._packed:
                self._require_whole()
                return 0
            if self._unpacker.eof:
                self._begin_member()
            if content := self._unpack(len(buffer)):
                buffer[: len(content)] = content
                return len(content)

    def _unpack(self, size: int) -> bytes:
        self._began = True
        try:
            content = self._unpacker.decompress(self._packed, size)
        except zlib.error as error:
            raise MalformedInput(
                f"the blob is not {self._encoding}, as its Content-Encoding says: {error}"
            ) from error
        # Output that did not fit, or bytes after the end.
        self._packed = self._unpacker.unconsumed_tail or self._unpacker.unused_data
        return content

    def _begin_member(self) -> None:
        """A .gz file may be several .gz files, concatenated."""
        if not self._packed.startswith(_GZIP_MAGIC[: len(self._packed)]):
            raise MalformedInput(f"something follows the end of the {self._encoding} stream")
        self._unpacker = zlib.decompressobj(_EITHER)

    def _require_whole(self) -> None:
        if self._began and not self._unpacker.eof:
            raise MalformedInput(f"the {self._encoding} stream is cut short")
