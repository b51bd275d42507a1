"""Decompresses gzip, deflate and zstd while they are read. A stream that is cut short is an error.

gzip and zstd may be several streams one after the other, and zeros may follow gzip's, as for the
commands `gzip` and `zstd`.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from typing import BinaryIO, Protocol, cast

from inference.errors import InputTooLarge, MalformedInput
from inference.limits import Limits
from inference.rows.content_encoding import parse_encoding
from inference.rows.streams import READ_BYTES, Produced, Unclosed

#: zstd keeps so many bytes that it unpacked, as a power of 2: 8 MiB, which RFC 9659 allows.
ZSTD_WINDOW_LOG = 23
#: Bytes of a body that are decompressed at a time.
_PIECE_BYTES = 1024 * 1024
#: Compressed bytes that are decompressed at a time.
_FED_BYTES = 16 * 1024
#: Of a body: streams beyond MAX_ROWS and beyond so many are refused. An empty one of nine bytes
#: takes 20 us, so that a body of nothing else would take seconds a megabyte.
FEW_STREAMS = 1_000
#: Makes zlib detect gzip's header and its own.
_EITHER = zlib.MAX_WBITS | 32


def decompress(source: BinaryIO, encoding: str, *, max_streams: int | None = None) -> BinaryIO:
    """The stream before `Content-Encoding: {encoding}`; the stream itself without an encoding.

    Raises UnsupportedType. Reading raises MalformedInput if the bytes have another encoding or
    end before the compressed stream does, InputTooLarge for more streams than `max_streams`.
    """
    encoding = parse_encoding(encoding)
    if not encoding:
        return source
    return cast(BinaryIO, Unclosed(_Decompressed(source, encoding, max_streams), READ_BYTES))


def decompress_body(body: bytes, encoding: str, *, limits: Limits) -> bytes:
    """A whole body. Raises CallerError, as soon as it is too long."""
    if not body or not parse_encoding(encoding):
        limits.check_bytes(len(body))
        return body
    whole = io.BytesIO()
    for piece in pieces(body, encoding, limits=limits):
        whole.write(piece)
    return whole.getvalue()


def pieces(body: bytes, encoding: str, *, limits: Limits) -> Iterator[bytes]:
    """As decompress_body, one piece after the other, in constant memory."""
    limits.check_bytes(len(body))
    most = max(limits.rows, FEW_STREAMS)
    size, stream = 0, decompress(io.BytesIO(body), encoding, max_streams=most)
    while piece := stream.read(_PIECE_BYTES):
        size += len(piece)
        if size > limits.body_bytes:
            raise InputTooLarge(
                size=size,
                limit=limits.body_bytes,
                unit="unpacked bytes",
                setting="MAX_BODY_BYTES",
                at_least=True,
            )
        yield piece


class _Decompressed(Produced):
    """The source's content. It holds at most one read of each side."""

    def __init__(self, source: BinaryIO, encoding: str, max_streams: int | None) -> None:
        self._source, self._encoding = source, encoding
        self._max_streams, self._streams = max_streams, 0
        self._decompressor = _decompressor(encoding)
        #: What was read from the source, and where the bytes begin that are not decompressed yet.
        self._packed, self._at = memoryview(b""), 0
        #: Whether a stream has begun and is not read to its end. An empty source is cut short.
        self._is_within = True
        self._is_first = True

    def produce(self, size: int) -> bytes:
        while self._has_input() or self._read():
            if not self._is_within and not self._begin_next():
                continue
            if content := self._decompress(size):
                return content
        if self._is_within:
            raise MalformedInput(f"the {self._encoding} stream is cut short")
        return b""

    def _has_input(self) -> bool:
        return self._at < len(self._packed) or not self._decompressor.needs_input

    def _read(self) -> bool:
        """Whether the source has more."""
        self._packed, self._at = memoryview(self._source.read(READ_BYTES)), 0
        return len(self._packed) > 0

    def _next(self) -> bytes:
        """Few bytes, because the decompressor copies what follows the end of its stream."""
        return bytes(self._packed[self._at : self._at + _FED_BYTES])

    def _decompress(self, size: int) -> bytes:
        packed = self._next() if self._decompressor.needs_input else b""
        try:
            content = self._decompressor.decompress(packed, size)
        except Exception as error:
            if not _is_damage(error):
                raise
            raise MalformedInput(self._describe(str(error))) from error
        self._at += len(packed)
        if self._decompressor.eof:
            self._at -= len(self._decompressor.unused_data)
            self._decompressor = _decompressor(self._encoding)
            self._is_within = self._is_first = False
            self._count_stream()
        return content

    def _count_stream(self) -> None:
        self._streams += 1
        if self._max_streams is not None and self._streams > self._max_streams:
            raise InputTooLarge(
                size=self._streams,
                limit=self._max_streams,
                unit=f"{self._encoding} streams",
                setting="MAX_ROWS",
                at_least=True,
            )

    def _begin_next(self) -> bool:
        """Whether another stream begins in the next bytes, or they are zeros behind gzip's."""
        packed = self._next()
        if self._encoding == "deflate":
            raise MalformedInput(self._describe(""))
        if self._encoding == "gzip":
            self._at += len(packed) - len(packed := packed.lstrip(b"\0"))
        self._is_within = bool(packed)
        return self._is_within

    def _describe(self, reason: str) -> str:
        if "too much memory" in reason:
            return (
                f"the zstd stream has a window of more than {1 << ZSTD_WINDOW_LOG:,} bytes;"
                " compress it at level 19 or below, without --long"
            )
        if not self._is_first:
            return f"something follows the end of the {self._encoding} stream, or it is damaged"
        return (
            f"the content is not {self._encoding}, as its Content-Encoding or its name says:"
            f" {reason.rpartition(': ')[2]}"
        )


class _Decompressor(Protocol):
    """One stream, as bz2.BZ2Decompressor."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Zlib:
    """zlib as a _Decompressor."""

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(_EITHER)

    @property
    def eof(self) -> bool:
        return self._zlib.eof

    @property
    def needs_input(self) -> bool:
        return not self._zlib.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._zlib.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._zlib.decompress(self._zlib.unconsumed_tail + data, max_length)


def _decompressor(encoding: str) -> _Decompressor:
    if encoding != "zstd":
        return _Zlib()
    from backports.zstd import DecompressionParameter, ZstdDecompressor  # noqa: PLC0415 - seldom

    return ZstdDecompressor(options={DecompressionParameter.window_log_max: ZSTD_WINDOW_LOG})


def _is_damage(error: Exception) -> bool:
    """Whether it is zlib.error, or ZstdError, which is not imported for other streams."""
    return isinstance(error, zlib.error) or type(error).__name__ == "ZstdError"
