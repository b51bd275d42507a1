"""A stored value and its age, as objects and as bytes.

    byte  0      layout version, 1
    bytes 1-8    time of storing, milliseconds since 1970 (UTC), signed, big-endian
    bytes 9-12   CRC-32 of the value, unsigned, big-endian
    bytes 13-    the value

What does not parse was written by somebody else, or cut short, and counts as absent: a value
is bytes with a checksum, never an object to be unpickled.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

LAYOUT = 1

_HEADER = struct.Struct(">BqI")


@dataclass(frozen=True, slots=True)
class Entry:
    """A value that was found."""

    value: bytes
    #: Seconds since it was stored, never below 0 however the writer's clock stands.
    age_s: float


def pack(value: bytes, *, now_s: float) -> bytes:
    """The stored form. `now_s` in seconds since 1970."""
    return _HEADER.pack(LAYOUT, round(now_s * 1000), zlib.crc32(value)) + value


def unpack(stored: bytes, *, now_s: float) -> Entry | None:
    """The entry, or None where these bytes are not one."""
    if len(stored) < _HEADER.size:
        return None
    layout, stored_ms, checksum = _HEADER.unpack_from(stored)
    value = stored[_HEADER.size :]
    if layout != LAYOUT or checksum != zlib.crc32(value):
        return None
    return Entry(value, age_s=max(0.0, now_s - stored_ms / 1000))
