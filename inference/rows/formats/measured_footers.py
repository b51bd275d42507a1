"""What was read of a Parquet body's footer to measure it, kept for the reader of the body.

A footer is read in Python, which takes a third of a short body's time.
"""

from __future__ import annotations

import threading

from inference.rows.formats import parquet_layout
from inference.rows.formats.parquet_layout import Group

#: How many footers are kept at a time, and the longest one.
MAX_FOOTERS, MAX_BYTES = 8, 64 * 1024

_lock = threading.Lock()
_measured: dict[bytes, list[Group]] = {}


def measure(footer: bytes) -> list[Group]:
    """The row groups that a footer names, which are kept. Raises MalformedInput."""
    groups = parquet_layout.groups(footer)
    if len(footer) <= MAX_BYTES:
        with _lock:
            if len(_measured) >= MAX_FOOTERS:  # their bodies were refused, or wait for memory
                del _measured[next(iter(_measured))]
            _measured[footer] = groups
    return groups


def take(footer: bytes) -> list[Group]:
    """The row groups that a footer names, which are kept no longer. Raises MalformedInput."""
    with _lock:
        groups = _measured.pop(footer, None)
    return parquet_layout.groups(footer) if groups is None else groups
