"""Compressed bodies: `Content-Encoding: gzip` or `deflate`."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator

from inference.errors import InputTooLarge, MalformedInput, UnsupportedType
from inference.limits import Limits

SUPPORTED = ("gzip", "deflate")
#: Tells zlib to recognise gzip and zlib headers by themselves.
_EITHER = zlib.MAX_WBITS | 32
#: What is unpacked at a time.
_PIECE_BYTES = 1024 * 1024
#: No more than this many bytes come of one.
MOST_A_BYTE = 1032


def is_packed(encoding: str) -> bool:
    return encoding.strip().lower() not in ("", "identity")


def unpack(body: bytes, encoding: str, *, limits: Limits) -> bytes:
    """The body as it was before compression. Raises CallerError, as soon as it is too long."""
    limits.check_bytes(len(body))
    if not is_packed(encoding):
        return body
    unpacked = io.BytesIO()
    for piece in _pieces(body, encoding, limits):
        unpacked.write(piece)
    return unpacked.getvalue()


def unpacked_size(body: bytes, encoding: str, *, limits: Limits) -> int:
    """How long the body was before compression; it takes no memory to know. Raises CallerError."""
    limits.check_bytes(len(body))
    if not is_packed(encoding):
        return len(body)
    return sum(len(piece) for piece in _pieces(body, encoding, limits))


def _pieces(body: bytes, encoding: str, limits: Limits) -> Iterator[bytes]:
    """The unpacked body, at most _PIECE_BYTES at a time. Raises CallerError."""
    encoding = encoding.strip().lower()
    if encoding not in SUPPORTED:
        raise UnsupportedType(got=f"content-encoding {encoding[:40]}", supported=SUPPORTED)
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
    """Raises MalformedInput, also for a stream that is cut short or followed by anything."""
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
