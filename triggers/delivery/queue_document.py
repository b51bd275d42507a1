"""A result document as the output queue carries it."""

from __future__ import annotations

from functools import cached_property
from typing import Any
from urllib.parse import quote

import orjson

from triggers.envelope import MAX_BYTES

#: A document of so many bytes fits the queue, however much indentation the platform adds.
SURELY_FITS = MAX_BYTES // 8

#: The error code of a document whose result does not fit.
TOO_LARGE = "result_too_large"


class QueueDocument:
    """It is parsed at most once: only a large one is, and that takes time."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def __repr__(self) -> str:
        return f"<QueueDocument {len(self.content)} bytes>"

    @cached_property
    def fits(self) -> bool:
        """Whether the queue can carry it, even indented: the platform may write JSON anew."""
        if len(self.content) <= SURELY_FITS:
            return True
        if len(self.content) > MAX_BYTES:
            return False
        return len(orjson.dumps(self._parsed, option=orjson.OPT_INDENT_2)) <= MAX_BYTES

    def text(self, request_id: str) -> str:
        """For the queue: without the result if that is too large."""
        if self.fits:
            return self.content.decode()
        size = f"the result has {len(self.content):,} bytes, too many for the queue"
        slim = self._parsed | {
            "result": None,
            "error": {
                "code": TOO_LARGE,
                "message": f"{size}: fetch it at /api/results/{quote(request_id, safe='')}",
            },
        }
        return orjson.dumps(slim).decode()

    @cached_property
    def _parsed(self) -> Any:
        return orjson.loads(self.content)
