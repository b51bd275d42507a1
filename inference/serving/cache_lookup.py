"""Looking units up: near, then in the shared cache; a gate to each learns whether that pays."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import NamedTuple

from inference.ports import Cache, Entry
from inference.serving.cache_policy import Gate


class Levels:
    """The gates to the near cache and to the one beyond it, for questions of one size."""

    def __init__(self, size: str, *, steady: bool) -> None:
        self.near = Gate(f"near, {size}", steady=steady, joins=True)
        self.far = Gate(f"far, {size}", steady=steady)


class Terms(NamedTuple):
    """How many rows are answered: which caches are asked, and whether they are replaced."""

    levels: Levels
    near: bool
    far: bool
    recompute: bool


class LookUps:
    """Those of one script. For one event loop."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._trials: set[asyncio.Task[object]] = set()

    def __repr__(self) -> str:
        return f"<LookUps {len(self._trials)} trials>"

    def close(self) -> None:
        for trial in self._trials:
            trial.cancel()

    async def look_up(
        self,
        levels: Levels,
        keys: Sequence[str],
        *,
        far: bool,
        began: float | None = None,
    ) -> tuple[list[Entry | None], bool]:
        """What near and, with `far`, the shared cache have; and whether that could be reached.

        `began`: time.perf_counter() when naming began, which is a part of what it costs.
        """
        began = time.perf_counter() if began is None else began
        found = [self._cache.peek(key) for key in keys]
        hits = len(keys) - found.count(None)
        levels.near.looked_up(len(keys), hits, time.perf_counter() - began)
        if far and hits < len(keys):
            return found, await self._look_beyond(levels, keys, found)
        return found, True

    async def _look_beyond(
        self, levels: Levels, keys: Sequence[str], found: list[Entry | None]
    ) -> bool:
        """Fill what the shared cache has into `found`; False where it can't be reached.

        A trial of a closed gate is for the next ones: nobody waits for it. Who did would fall
        behind the others, and split a batch in two that go on taking turns.
        """
        missing = [index for index, entry in enumerate(found) if entry is None]
        asked = self._ask_beyond(levels, [keys[index] for index in missing])
        if not levels.far.is_open:
            trial = asyncio.get_running_loop().create_task(asked)
            self._trials.add(trial)
            trial.add_done_callback(self._trials.discard)
            return True
        entries = await asked
        if entries is None:
            return False
        for index, entry in zip(missing, entries, strict=True):
            found[index] = entry
        return True

    async def _ask_beyond(
        self, levels: Levels, keys: Sequence[str]
    ) -> Sequence[Entry | None] | None:
        began = time.perf_counter()
        try:
            entries = await self._cache.get_many(keys)
        except ConnectionError:
            return None
        hits = len(entries) - entries.count(None)
        levels.far.looked_up(len(keys), hits, time.perf_counter() - began)
        return entries
