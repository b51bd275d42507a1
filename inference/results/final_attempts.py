"""Which requests are on their last try, for whoever runs when it is over.

One value of the cache names them: a JSON list of ids. Last tries are few, so that it is short.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol

from inference.ports import Cache, Entry

#: Beyond so many the next are not named: under its own id each is found all the same.
MAX_IDS = 10_000
_ROUNDS = 20


class Found(Protocol):
    """What is known of a request."""

    @property
    def document(self) -> bytes: ...

    @property
    def exhausted(self) -> bool: ...

    @property
    def ran_out(self) -> bool: ...


class FinalAttempts:
    """`find` tells what is known of an id. Everything raises ConnectionError, or what `find` does,
    where the cache is away.
    """

    def __init__(
        self,
        cache: Cache,
        key: str,
        find: Callable[[str], Awaitable[Found | None]],
        *,
        ttl_s: float,
    ) -> None:
        self._cache, self._key, self._find, self._ttl_s = cache, key, find, ttl_s

    async def add(self, request_id: str) -> None:
        """Name one whose last try begins."""
        await self._change(lambda ids: ids if len(ids) >= MAX_IDS else {*ids, request_id})

    async def exhausted(self) -> list[tuple[str, bytes]]:
        """Those that came to nothing, each with its document; what ended otherwise is forgotten."""
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
        """Whether this process is the one that looks, for so long or until `release_lease`."""
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
                done = await self._cache.add(self._key, value, ttl_s=self._ttl_s)
            else:
                done = await self._cache.replace(self._key, entry.value, value, ttl_s=self._ttl_s)
            if done:
                return


def _ids(entry: Entry | None) -> set[str]:
    # Lone surrogates are escaped in it, so that it is no UTF-8 library's.
    return set() if entry is None else set(json.loads(entry.value))
