"""Compressed bodies: `Content-Encoding: gzip` or `deflate`."""

from __future__ import annotations

import zlib

from inference.errors import InputTooLarge, MalformedInput, UnsupportedType

SUPPORTED = ("gzip", "deflate")
#: Tells zlib to recognise gzip and zlib headers by themselves.
_EITHER = zlib.MAX_WBITS | 32


def unpack(body: bytes, encoding: str, *, limit: int) -> bytes:
    """The body as it was before compression, never more than `limit` bytes. Raises CallerError."""
    _require_within(len(body), limit, "bytes")
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return body
    if encoding not in SUPPORTED:
        raise UnsupportedType(got=f"content-encoding {encoding[:40]}", supported=SUPPORTED)
    unpacker = zlib.decompressobj(_EITHER)
    try:
        # One byte more than allowed tells a body at the limit from one over it.
        unpacked = unpacker.decompress(body, limit + 1)
    except zlib.error as error:
        raise MalformedInput(f"the body is not {encoding}: {error}") from error
    _require_within(len(unpacked), limit, "unpacked bytes")
    if not unpacker.eof or unpacker.unused_data:
        raise MalformedInput(f"the {encoding} body is cut short, or something follows it")
    return unpacked


def _require_within(size: int, limit: int, unit: str) -> None:
    if size > limit:
        raise InputTooLarge(size=size, limit=limit, unit=unit, setting="MAX_BODY_BYTES")
