"""Requests whose documents another process may have to send.

Those at their final attempt, because it may end with its process, and those whose document the
output queue did not take at the end of it. Two values in the cache name them, each a JSON list of
ids. They are short, because final attempts are few.
"""

from __future__ import annotations

import asyncio
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
        self._unsent_key = f"{key}:unsent"
        self._changing = asyncio.Lock()

    async def add(self, request_id: str) -> None:
        """Name a request whose final attempt begins."""
        await self._add(self._key, {request_id})

    async def add_unsent(self, request_ids: Iterable[str]) -> bool:
        """Name finished requests whose documents were not sent. Returns whether they are named.

        Never in a cache of this process alone, which forgets them at its end.
        """
        return self._cache.remote and await self._add(self._unsent_key, set(request_ids))

    async def due(self) -> list[tuple[str, bytes]]:
        """The ids and documents of requests that ran out of attempts or were not sent.

        Forgets requests that ended otherwise.
        """
        due, ended = {}, []
        for request_id in _ids(await self._cache.get(self._key)):
            found = await self._find(request_id)
            if found is not None and found.ran_out:
                due[request_id] = found.document
            elif found is None or not found.exhausted:
                ended.append(request_id)
        await self._forget(self._key, ended)
        for request_id in _ids(await self._cache.get(self._unsent_key)):
            found = await self._find(request_id)
            if found is not None and not found.pending:
                due[request_id] = found.document
            else:  # it has expired, or is scored again
                await self._forget(self._unsent_key, [request_id])
        return list(due.items())

    async def forget(self, ended: Iterable[str]) -> None:
        gone = set(ended)
        for key in (self._key, self._unsent_key):
            await self._forget(key, gone)

    async def acquire_lease(self, seconds: float) -> bool:
        """Whether this process alone reports, for so many seconds or until `release_lease`."""
        return await self._cache.lease(self._key, ttl_s=seconds)

    async def release_lease(self) -> None:
        await self._cache.release(self._key)

    async def _add(self, key: str, added: set[str]) -> bool:
        """False if the list is full."""
        changed = await self._change(key, lambda ids: ids if len(ids) >= MAX_IDS else ids | added)
        return added <= changed

    async def _forget(self, key: str, ended: Iterable[str]) -> None:
        if gone := set(ended):
            await self._change(key, lambda ids: ids - gone)

    async def _change(self, key: str, change: Callable[[set[str]], set[str]]) -> set[str]:
        """Returns the ids that are in the list then."""
        # One call of this process at a time: they would use up each other's rounds.
        async with self._changing:
            return await self._change_alone(key, change)

    async def _change_alone(self, key: str, change: Callable[[set[str]], set[str]]) -> set[str]:
        ids: set[str] = set()
        for _ in range(_ROUNDS):
            entry = await self._cache.get(key)
            ids = _ids(entry)
            changed = change(ids)
            if changed == ids:
                break
            value = json.dumps(sorted(changed)).encode()
            if entry is None:
                stored = await self._cache.add(key, value, ttl_s=self._ttl_s)
            else:
                stored = await self._cache.replace(key, entry.value, value, ttl_s=self._ttl_s)
            if stored:
                return changed
        return ids


def _ids(entry: Entry | None) -> set[str]:
    # An id may hold lone surrogates. Python's json escapes them; orjson refuses them.
    return set() if entry is None else set(json.loads(entry.value))
