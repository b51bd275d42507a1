"""A stored value with its age and remaining lifetime, as an object and as bytes.

    byte  0      layout version, 2
    byte  1      1 if no other value will ever be stored under the key, else 0
    bytes 2-9    when it was computed, milliseconds since 1970 (UTC), signed, big-endian
    bytes 10-17  when it expires, likewise
    bytes 18-21  CRC-32 of all other bytes, unsigned, big-endian
    bytes 22-    the value

Bytes that do not parse were written by another program or cut off, and count as absent. A value is
bytes with a checksum; nothing is ever unpickled.
"""

from __future__ import annotations

import struct
from typing import NamedTuple
from zlib import crc32

LAYOUT = 2

_HEADER = struct.Struct(">BBqqI")
HEADER_BYTES = _HEADER.size
_CHECKSUM = struct.Struct(">I")
_CHECKED = _HEADER.size - _CHECKSUM.size


class Entry(NamedTuple):
    """A value that was found. A tuple, because every row that hits makes one."""

    value: bytes
    #: Seconds since it was computed, never below 0, even if the writer's clock was ahead.
    age_s: float
    #: Seconds until it expires, never below 0.
    ttl_left_s: float
    #: Whether it is a function of its key, so that a copy cannot differ from the original.
    fixed: bool = False


def pack(value: bytes, *, now_s: float, ttl_s: float, fixed: bool) -> bytes:
    """The stored form. `now_s` in seconds since 1970."""
    now_ms = round(now_s * 1000)
    header = _HEADER.pack(LAYOUT, fixed, now_ms, now_ms + round(ttl_s * 1000), 0)[:_CHECKED]
    return header + _CHECKSUM.pack(crc32(value, crc32(header))) + value


def unpack(stored: bytes, *, now_s: float) -> Entry | None:
    """The entry, or None for bytes that are not one."""
    if len(stored) < _HEADER.size:
        return None
    layout, fixed, computed_ms, expires_ms, checksum = _HEADER.unpack_from(stored)
    value = stored[_HEADER.size :]
    if layout != LAYOUT or checksum != crc32(value, crc32(stored[:_CHECKED])):
        return None
    return Entry(
        value,
        age_s=max(0.0, now_s - computed_ms / 1000),
        ttl_left_s=max(0.0, expires_ms / 1000 - now_s),
        fixed=fixed == 1,
    )
