"""How often the process ended while it scored a request, by the request's id.

The count of an attempt is taken back when the attempt ends, so that only those remain that ended
with their process. It is kept in the cache, beside the result of the same id: `{key}:crashes`.
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
        """How many attempts did not end."""
        with contextlib.suppress(ConnectionError, ValueError):
            entry = await self._cache.get(self._crashes(request_id))
            return int(entry.value or b"0") if entry is not None else 0
        return 0

    async def set(self, request_id: str, count: int) -> None:
        """Before an attempt: one more than `count` told. After it: as many as before."""
        with contextlib.suppress(ConnectionError):
            await self._cache.put(self._crashes(request_id), b"%d" % count, ttl_s=LIVES_S)

    def _crashes(self, request_id: str) -> str:
        return f"{self._key(request_id)}:crashes"
