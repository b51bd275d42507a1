"""How far each batch is that some process scores, and which batches are to end.

Both are kept in the cache, beside the result of the same id:

    {key of the result}:progress    JSON, stored about once a second while the job runs
    {key of the result}:cancelled   somebody asked that the job ends

Progress lives for a few seconds only, so a job whose process was killed stops being shown as
running.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

import orjson

from inference.errors import Overloaded
from inference.ports import Cache

#: Seconds between two reports of a job, and for which the last one is shown.
EVERY_S, LIVES_S = 1.0, 20.0
#: How long a request for a job's end waits to be seen.
CANCELLED_LIVES_S = 86_400.0


class RunningJobs:
    """The batches in work, by the ids of their results. `key` makes the result's key of an id."""

    def __init__(self, cache: Cache, key: Callable[[str], str]) -> None:
        self._cache, self._key = cache, key

    async def report(self, request_id: str, progress: Mapping[str, object]) -> bool:
        """Store how far a job is. Returns whether it is to end. Raises ConnectionError."""
        key = self._key(request_id)
        # An id may hold lone surrogates. Python's json escapes them; orjson refuses them.
        value = json.dumps({"id": request_id, "status": "running", **progress}).encode()
        await self._cache.put(_progress_key(key), value, ttl_s=LIVES_S)
        return await self._cache.get(_cancel_key(key)) is not None

    async def find(self, request_id: str) -> Mapping[str, object] | None:
        """How far a job is; None if it does not run. Raises Overloaded."""
        try:
            entry = await self._cache.get(_progress_key(self._key(request_id)))
        except ConnectionError as error:
            raise Overloaded("the cache can't be reached; ask again later") from error
        if entry is None or not entry.value:
            return None
        found: Mapping[str, object] = orjson.loads(entry.value)
        return found

    async def cancel(self, request_id: str) -> None:
        """Ask for a job's end. Its process sees it within EVERY_S. Raises Overloaded."""
        try:
            await self._cache.put(
                _cancel_key(self._key(request_id)), b"\x01", ttl_s=CANCELLED_LIVES_S
            )
        except ConnectionError as error:
            raise Overloaded("the cache can't be reached; ask again later") from error

    async def end(self, request_id: str) -> None:
        """Forget a job that has ended. Raises ConnectionError."""
        await self._cache.put(_progress_key(self._key(request_id)), b"", ttl_s=LIVES_S)


def _progress_key(key: str) -> str:
    return f"{key}:progress"


def _cancel_key(key: str) -> str:
    return f"{key}:cancelled"
