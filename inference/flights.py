"""Computations under way: begun once, joined by whoever asks for the same, stored when they land.

A computation belongs to nobody who waits for it: a waiter that is cancelled leaves alone, and what
everybody left is still stored.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial

from inference.batching import Batcher
from inference.errors import ScoringError
from inference.leases import Lease
from inference.ports import Cache, Entry
from inference.scripts.question import Question, Reply, RowQuestion, Script
from inference.worker import ModelThread

#: A unit is a row, or a question that is answered as a whole.
Units = list[bytes]


@dataclass(frozen=True, slots=True)
class Fares:
    """Under which terms a computation flies."""

    #: Whether what it brings is stored beyond this process.
    far: bool
    #: Whether it may wait for another process that computes the same.
    lease: bool
    patient: bool


class Flights:
    """Those of one script. For one event loop."""

    def __init__(
        self,
        script: Script,
        *,
        cache: Cache,
        ttl_s: float,
        thread: ModelThread,
        loaded: Callable[[], Awaitable[object]],
    ) -> None:
        self._script, self._cache, self._ttl_s = script, cache, ttl_s
        self._thread, self._loaded = thread, loaded
        self._batcher = Batcher(thread, script)
        #: By key: the computation, and which of its units.
        self._under_way: dict[str, tuple[asyncio.Task[Units | Reply], int]] = {}
        self._tasks: set[asyncio.Task[Units | Reply]] = set()
        #: Seconds that a unit took, waiting included, lately.
        self.unit_s = 0.0

    def __repr__(self) -> str:
        return f"<Flights {len(self._under_way)} units under way, {self._batcher!r}>"

    def __contains__(self, key: str) -> bool:
        return key in self._under_way

    @property
    def model_s(self) -> float:
        """Seconds that the model itself takes for a unit, lately."""
        return self._batcher.pace.row_s or self.unit_s

    async def ask(self, question: Question | RowQuestion, *, patient: bool) -> Units | Reply:
        """The model's answer, whatever is under way. Raises ScoringError."""
        await self._loaded()
        if isinstance(question, Question):
            run = partial(self._script.run, question)
            outcome = await self._thread.run(run, rows=question.rows, patient=patient)
            return outcome if isinstance(outcome, Reply) else [outcome]
        return await self._batcher.ask(question, patient=patient)

    async def compute(
        self,
        question: Question | RowQuestion,
        keys: Sequence[str],
        found: Sequence[Entry | None],
        fares: Fares,
    ) -> tuple[Units | Reply, bool]:
        """Every unit: found, from computations under way, or from one that begins here; and
        whether none had to begin. Raises ScoringError.
        """
        missing = [index for index, entry in enumerate(found) if entry is None]
        own = [index for index in missing if keys[index] not in self._under_way]
        if own:
            self.take_off(question, keys, own, fares)
        landing = {index: self._under_way[keys[index]] for index in missing}
        units = [b"" if entry is None else entry.value for entry in found]
        mine = set(own)
        for index, (flight, position) in landing.items():
            try:
                outcome = await asyncio.shield(flight)
            except ScoringError:
                if index in mine:
                    raise
                # It may have failed of another's row.
                outcome = await self.ask(_only(question, index), patient=fares.patient)
                position = 0  # noqa: PLW2901 - the only one of what was asked instead
            if isinstance(outcome, Reply):
                return outcome, not own
            units[index] = outcome[position]
        return units, not own

    def take_off(
        self,
        question: Question | RowQuestion,
        keys: Sequence[str],
        own: Sequence[int],
        fares: Fares,
    ) -> None:
        """Begin to compute these units of the question, for whoever will wait."""
        part = question
        if not isinstance(question, Question) and len(own) < len(question):
            part = question.take(own)
        names = [keys[index] for index in own]
        flight = asyncio.get_running_loop().create_task(self._fly(part, names, fares))
        self._tasks.add(flight)
        # Of two equal rows in one question both are computed, and the last is who is joined.
        for position, name in enumerate(names):
            self._under_way[name] = flight, position
        flight.add_done_callback(partial(self._land, names))

    async def close(self) -> None:
        """Let what is being computed land."""
        while self._tasks:
            await asyncio.wait(self._tasks)
        await self._batcher.close()

    async def _fly(
        self, question: Question | RowQuestion, names: Sequence[str], fares: Fares
    ) -> Units | Reply:
        cost_s = self.unit_s if fares.lease else 0.0
        async with Lease(self._cache, names, cost_s=cost_s) as lease:
            if lease.brought is not None:
                return lease.brought
            began = time.perf_counter()
            outcome = await self.ask(question, patient=fares.patient)
            self._learn((time.perf_counter() - began) / len(names))
            if not isinstance(outcome, Reply):
                keep = self._cache.store_soon if fares.far else self._cache.keep
                keep(list(zip(names, outcome, strict=True)), ttl_s=self._ttl_s)
            return outcome

    def _land(self, names: Sequence[str], flight: asyncio.Task[Units | Reply]) -> None:
        self._tasks.discard(flight)
        for name in names:
            if self._under_way.get(name, (None,))[0] is flight:
                del self._under_way[name]
        if not flight.cancelled():
            flight.exception()  # every waiter may have left: it counts as looked at

    def _learn(self, unit_s: float) -> None:
        self.unit_s += (unit_s - self.unit_s) / (16 if self.unit_s else 1)


def _only(question: Question | RowQuestion, index: int) -> Question | RowQuestion:
    return question if isinstance(question, Question) else question.take([index])
