"""A stored value, its age and what is left of its time, as objects and as bytes.

    byte  0      layout version, 2
    byte  1      1 where nothing else will ever be stored under the key, else 0
    bytes 2-9    time of computing, milliseconds since 1970 (UTC), signed, big-endian
    bytes 10-17  time of expiring, likewise
    bytes 18-21  CRC-32 of all other bytes, unsigned, big-endian
    bytes 22-    the value

What does not parse was written by somebody else, or cut short, and counts as absent: a value
is bytes with a checksum, never an object to be unpickled.
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
    """A value that was found. A tuple, because one is made for every row of a hit."""

    value: bytes
    #: Seconds since it was computed, never below 0 however the writer's clock stands.
    age_s: float
    #: Seconds until it expires, never below 0 either.
    ttl_left_s: float
    #: Whether it is a function of its key: a copy of it is then as good as the original.
    fixed: bool = False


def pack(value: bytes, *, now_s: float, ttl_s: float, fixed: bool) -> bytes:
    """The stored form. `now_s` in seconds since 1970."""
    now_ms = round(now_s * 1000)
    header = _HEADER.pack(LAYOUT, fixed, now_ms, now_ms + round(ttl_s * 1000), 0)[:_CHECKED]
    return header + _CHECKSUM.pack(crc32(value, crc32(header))) + value


def unpack(stored: bytes, *, now_s: float) -> Entry | None:
    """The entry, or None where these bytes are not one."""
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
