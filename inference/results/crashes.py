"""How often the process crashed while it scored a request, by the request's id.

An attempt adds one when it begins, and takes it back when it ends: what remains are the attempts
during which the process ended. The count is in the cache, beside the result of the same id, under
`{key}:crashes`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from inference.ports import Cache

#: Seconds. A message whose process ended is delivered again within minutes.
LIVES_S = 3600.0


class Crashes:
    """`key` makes the result's key of an id. Counts nothing while the cache is away."""

    def __init__(self, cache: Cache, key: Callable[[str], str]) -> None:
        self._cache, self._key = cache, key

    async def count(self, request_id: str) -> int:
        """How many attempts crashed."""
        with contextlib.suppress(ConnectionError, ValueError):
            entry = await self._cache.get(self._crash_key(request_id))
            return int(entry.value or b"0") if entry is not None else 0
        return 0

    async def set(self, request_id: str, count: int) -> None:
        """Before an attempt: one more than `count` returned. After it: as many as before."""
        with contextlib.suppress(ConnectionError):
            await self._cache.put(self._crash_key(request_id), b"%d" % count, ttl_s=LIVES_S)

    def _crash_key(self, request_id: str) -> str:
        return f"{self._key(request_id)}:crashes"
