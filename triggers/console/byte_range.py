"""`Range: bytes=…` of a request (RFC 9110, 14.2): which bytes of a file a response has."""

from __future__ import annotations

import re
from dataclasses import dataclass

#: One range, counted from the start of the file. Others are ignored, as the RFC allows.
_RANGE = re.compile(r"bytes=(\d{1,15})-(\d{0,15})")
#: Of one response: a larger file is read range by range, so its size costs no memory here.
MOST_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ByteRange:
    start: int
    length: int

    @classmethod
    def read(cls, header: str, size: int) -> ByteRange | None:
        """Of a file of `size` bytes; None if the header asks for no range.

        At most MOST_BYTES: `Content-Range` says which. Without any bytes if it begins behind the
        end of the file.
        """
        asked = _RANGE.fullmatch(header.strip())
        if asked is None or (asked[2] and int(asked[2]) < int(asked[1])):
            return None
        start = int(asked[1])
        end = min(size, start + MOST_BYTES, int(asked[2]) + 1 if asked[2] else size)
        return cls(start, max(0, end - start))

    def content_range(self, size: int) -> str:
        """The value of the header `Content-Range`."""
        return f"bytes {self.start}-{self.start + self.length - 1}/{size}"
