"""The computations in flight, found by the keys of their units."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from functools import partial
from typing import Any

from inference.ports import Entry
from inference.serving.computation import Computation
from inference.serving.deadlines import Wait

#: By computation: pairs of a unit's place in the question and its place in the computation.
Parts = dict[Computation, list[tuple[int, int]]]


class InFlight:
    """Owns the tasks of computations. For one event loop."""

    def __init__(self) -> None:
        #: By key: the computation, and which of its units.
        self._units: dict[str, tuple[Computation, int]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        """How many units are in flight."""
        return len(self._units)

    def __contains__(self, key: str) -> bool:
        return key in self._units

    def get(self, key: str) -> Computation | None:
        unit = self._units.get(key)
        return None if unit is None else unit[0]

    def split(self, keys: Sequence[str], found: Sequence[Entry | None]) -> tuple[list[int], Parts]:
        """Of the units that were not found: those not in flight, and those in flight."""
        own: list[int] = []
        joined: Parts = {}
        for index, entry in enumerate(found):
            if entry is None:
                unit = self._units.get(keys[index])
                if unit is None:
                    own.append(index)
                else:
                    joined.setdefault(unit[0], []).append((index, unit[1]))
        return own, joined

    def begin(self, computation: Computation, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` as the task of the computation."""
        computation.task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(computation.task)
        # Of two equal rows in one question both are computed, and others join the last.
        for position, key in enumerate(computation.keys):
            self._units[key] = computation, position
        computation.task.add_done_callback(partial(self._task_ended, computation))

    def leave(self, computation: Computation, wait: Wait) -> None:
        """Remove a caller. Without callers a computation that has not begun is cancelled."""
        if computation.leave(wait):
            self.forget(computation)  # the next question for these units begins anew
            computation.task.cancel()

    def forget(self, computation: Computation) -> None:
        """Let no more callers join."""
        for key in computation.keys:
            unit = self._units.get(key)
            if unit is not None and unit[0] is computation:
                del self._units[key]

    async def close(self, within_s: float) -> None:
        """Let the tasks end; after `within_s` seconds cancel them."""
        for late in (False, True):
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=within_s)
            if not late:
                for task in self._tasks:
                    task.cancel()

    def _task_ended(self, computation: Computation, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self.forget(computation)
        computation.task_ended(task)
