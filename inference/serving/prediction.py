"""What came of a question: an answer a row, or one to all of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from inference.request import CacheStatus
from inference.scripts.question import Reply


class Prediction(NamedTuple):
    """Predictions as JSON, or a script's own reply, and how they came about."""

    value: bytes
    cache: CacheStatus
    age_s: float | None = None
    reply: Reply | None = None
    #: Of the rows, how many were found in the cache.
    hits: int = 0
    #: Seconds until what was found or stored expires; None where nothing was.
    ttl_left_s: float | None = None


def joined(rows: Sequence[bytes]) -> bytes:
    """One JSON list of the rows' answers."""
    return b"[" + b",".join(rows) + b"]"
