"""Compresses an output while it is written: a scored `rows.csv.gz` is a gzip file again."""

from __future__ import annotations

import zlib
from typing import Protocol

#: Scoring waits for the compression. Level 6, the usual one, makes a CSV of numbers 10 to 18 %
#: smaller and takes six to nine times as long (measured: 120 MB/s at level 1).
GZIP_LEVEL = 1


class Compressor(Protocol):
    """As zlib.compressobj."""

    def compress(self, data: bytes, /) -> bytes: ...
    def flush(self) -> bytes:
        """The rest of the output. Called once, at the end."""
        ...


def compressor_of(encoding: str) -> Compressor:
    """For one of content_encoding.ENDINGS; "" leaves the output as it is."""
    if encoding == "gzip":
        return zlib.compressobj(GZIP_LEVEL, wbits=zlib.MAX_WBITS | 16)
    if encoding == "zstd":
        from backports.zstd import CompressionParameter, ZstdCompressor  # noqa: PLC0415 - seldom

        return ZstdCompressor(options={CompressionParameter.checksum_flag: 1})
    return _Uncompressed()


class _Uncompressed:
    def compress(self, data: bytes, /) -> bytes:
        return data

    def flush(self) -> bytes:
        return b""
