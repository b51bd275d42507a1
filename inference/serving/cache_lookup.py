"""Looks units up in the near cache and in Redis, as a plan of the cache policy says."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from inference.ports import Cache, Entry
from inference.serving import request_spans
from inference.serving.cache_policy import LookupPolicy, Plan
from inference.serving.off_loop import PIECE_ROWS, in_pieces
from inference.tracing import spans

Found = list[Entry | None]


class CacheLookup:
    """Lookups of one script's units. For one event loop."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._background: set[asyncio.Task[object]] = set()

    def __repr__(self) -> str:
        return f"<CacheLookup {len(self._background)} in the background>"

    def close(self) -> None:
        for task in self._background:
            task.cancel()

    async def find(
        self, plan: Plan, keys: Sequence[str], *, keys_s: float = 0.0
    ) -> tuple[Found, bool]:
        """The entries in the near cache and, if planned, in Redis; and whether Redis answered.

        `keys_s`: seconds that it took to compute the keys, which are part of the cost.
        """
        if not plan.lookup:
            return [None] * len(keys), True
        if len(keys) > PIECE_ROWS:
            return await self._find_many(plan, keys, keys_s / len(keys))
        began = time.perf_counter() - keys_s
        found = [self._cache.peek(key) for key in keys]
        hits = len(keys) - found.count(None)
        plan.policy.near.record(len(keys), hits, time.perf_counter() - began)
        if plan.redis and hits < len(keys):
            return found, await self._find_in_redis(plan, keys, found)
        return found, True

    async def _find_many(self, plan: Plan, keys: Sequence[str], key_s: float) -> tuple[Found, bool]:
        found: Found = []
        reachable = True
        async for rows in in_pieces(len(keys)):
            piece = keys[rows.start : rows.stop]
            entries, answered = await self.find(plan, piece, keys_s=key_s * len(piece))
            found += entries
            reachable = reachable and answered
        return found, reachable

    async def _find_in_redis(self, plan: Plan, keys: Sequence[str], found: Found) -> bool:
        """Add the entries in Redis to `found`. False if Redis does not answer."""
        missing = [index for index, entry in enumerate(found) if entry is None]
        asked = self._ask_redis(plan.policy.redis, [keys[index] for index in missing])
        if plan.background:
            task = asyncio.get_running_loop().create_task(asked)
            self._background.add(task)
            task.add_done_callback(self._background.discard)
            return True
        entries = await asked
        if entries is None:
            return False
        for index, entry in zip(missing, entries, strict=True):
            found[index] = entry
        return True

    async def _ask_redis(
        self, policy: LookupPolicy, keys: Sequence[str]
    ) -> Sequence[Entry | None] | None:
        began = time.perf_counter()
        try:
            if spans.recorder is None:
                entries = await self._cache.get_many(keys)
            else:
                with spans.span("MGET", request_spans.redis("MGET", len(keys)), kind="client"):
                    entries = await self._cache.get_many(keys)
        except ConnectionError:
            return None
        policy.record(len(keys), len(entries) - entries.count(None), time.perf_counter() - began)
        return entries
