"""Which requests are at their final attempt, so that another process can report those it ends.

One value in the cache names them: a JSON list of ids. It is short, because final attempts are few.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable

from inference.ports import Cache, Entry
from inference.results.stored_result import StoredResult

#: No more ids are named. The result of any other request is still found by its id.
MAX_IDS = 10_000
#: How often a change is tried again because another process has changed the list.
_ROUNDS = 20


class FinalAttempts:
    """`find` returns what is stored under an id. All methods raise ConnectionError, or what `find`
    raises, if the cache can't be reached.
    """

    def __init__(
        self,
        cache: Cache,
        key: str,
        find: Callable[[str], Awaitable[StoredResult | None]],
        *,
        ttl_s: float,
    ) -> None:
        self._cache, self._key, self._find, self._ttl_s = cache, key, find, ttl_s

    async def add(self, request_id: str) -> None:
        """Name a request whose final attempt begins."""
        await self._change(lambda ids: ids if len(ids) >= MAX_IDS else {*ids, request_id})

    async def exhausted(self) -> list[tuple[str, bytes]]:
        """The ids and documents of the requests that ran out of attempts.

        Forgets requests that ended otherwise.
        """
        ran_out, ended = [], []
        for request_id in _ids(await self._cache.get(self._key)):
            found = await self._find(request_id)
            if found is not None and found.ran_out:
                ran_out.append((request_id, found.document))
            elif found is None or not found.exhausted:
                ended.append(request_id)
        await self.forget(ended)
        return ran_out

    async def forget(self, ended: Iterable[str]) -> None:
        if gone := set(ended):
            await self._change(lambda ids: ids - gone)

    async def acquire_lease(self, seconds: float) -> bool:
        """Whether this process alone reports, for so many seconds or until `release_lease`."""
        return await self._cache.lease(self._key, ttl_s=seconds)

    async def release_lease(self) -> None:
        await self._cache.release(self._key)

    async def _change(self, change: Callable[[set[str]], set[str]]) -> None:
        for _ in range(_ROUNDS):
            entry = await self._cache.get(self._key)
            ids = _ids(entry)
            changed = change(ids)
            if changed == ids:
                return
            value = json.dumps(sorted(changed)).encode()
            if entry is None:
                stored = await self._cache.add(self._key, value, ttl_s=self._ttl_s)
            else:
                stored = await self._cache.replace(self._key, entry.value, value, ttl_s=self._ttl_s)
            if stored:
                return


def _ids(entry: Entry | None) -> set[str]:
    # An id may hold lone surrogates. Python's json escapes them; orjson refuses them.
    return set() if entry is None else set(json.loads(entry.value))
