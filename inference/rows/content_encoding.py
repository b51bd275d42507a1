"""Compressed bodies: `Content-Encoding: gzip` or `deflate`."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator

from inference.errors import InputTooLarge, MalformedInput, UnsupportedType
from inference.limits import Limits

SUPPORTED = ("gzip", "deflate")
#: Makes zlib detect gzip and zlib headers.
_EITHER = zlib.MAX_WBITS | 32
#: Bytes that are unpacked at a time.
_PIECE_BYTES = 1024 * 1024
#: The most bytes that one compressed byte unpacks to.
MOST_A_BYTE = 1032


def is_packed(encoding: str) -> bool:
    return encoding.strip().lower() not in ("", "identity")


def unpack(body: bytes, encoding: str, *, limits: Limits) -> bytes:
    """The body before compression. Raises CallerError, as soon as it is too long."""
    limits.check_bytes(len(body))
    if not is_packed(encoding):
        return body
    unpacked = io.BytesIO()
    for piece in _pieces(body, encoding, limits):
        unpacked.write(piece)
    return unpacked.getvalue()


def unpacked_size(body: bytes, encoding: str, *, limits: Limits) -> int:
    """The length of the body before compression, found in constant memory. Raises CallerError."""
    limits.check_bytes(len(body))
    if not is_packed(encoding):
        return len(body)
    return sum(len(piece) for piece in _pieces(body, encoding, limits))


def _pieces(body: bytes, encoding: str, limits: Limits) -> Iterator[bytes]:
    """The unpacked body, at most _PIECE_BYTES at a time. Raises CallerError."""
    encoding = encoding.strip().lower()
    if encoding not in SUPPORTED:
        raise UnsupportedType(got=encoding[:40], supported=SUPPORTED, what="content encoding")
    size = 0
    for piece in _decompress(body, encoding):
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


def _decompress(body: bytes, encoding: str) -> Iterator[bytes]:
    """Raises MalformedInput, also if the stream is cut short or bytes follow it."""
    unpacker = zlib.decompressobj(_EITHER)
    packed = memoryview(body)
    at = 0
    while not unpacker.eof and (at < len(packed) or unpacker.unconsumed_tail):
        given = unpacker.unconsumed_tail or packed[at : (at := at + _PIECE_BYTES)]
        try:
            yield unpacker.decompress(given, _PIECE_BYTES)
        except zlib.error as error:
            raise MalformedInput(f"the body is not {encoding}: {error}") from error
    if not unpacker.eof or unpacker.unused_data or at < len(packed):
        raise MalformedInput(f"the {encoding} body is cut short, or something follows it")
