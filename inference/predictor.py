"""From a question to its prediction: what the cache knows, what others compute, and the model.

Independent rows are looked up, joined and stored one by one, so that whichever door, format or
company brings a row again finds it; any other question is one unit of that kind. What a look-up
costs and brings is measured, and a look-up that does not pay is left out (inference.economy).
"""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial

from inference.batching import Batcher
from inference.economy import Gate
from inference.errors import ScoringError
from inference.leases import Lease
from inference.ports import Cache, Entry, Keys
from inference.predictions import Prediction, joined
from inference.request import CacheStatus
from inference.scripts.question import Question, Reply, RowQuestion, Script
from inference.settings import InferenceSettings
from inference.worker import ModelThread

#: A unit is a row, or a question that is answered as a whole.
Units = list[bytes]


class _Levels:
    """The gates to the near cache and to the one beyond it, for questions of one size."""

    def __init__(self, size: str, *, steady: bool) -> None:
        self.near = Gate(f"near, {size}", steady=steady)
        self.far = Gate(f"far, {size}", steady=steady)


@dataclass(frozen=True, slots=True)
class _Fares:
    """Under which terms a computation flies."""

    #: Whether what it brings is stored beyond this process.
    far: bool
    #: Whether it may wait for another process that computes the same.
    lease: bool
    patient: bool


class Predictor:
    """Answers questions of one script. For one event loop.

    A computation belongs to nobody who waits for it: a waiter that is cancelled leaves alone, and
    what everybody left is still stored.
    """

    def __init__(
        self,
        script: Script,
        settings: InferenceSettings,
        *,
        cache: Cache,
        keys: Keys,
        thread: ModelThread,
        loaded: Callable[[], Awaitable[object]],
    ) -> None:
        self._script, self._cache, self._keys = script, cache, keys
        self._thread, self._loaded = thread, loaded
        self._ttl_s = settings.result_ttl_s
        self._caching = settings.cache_mode != "off"
        self._batcher = Batcher(thread, script)
        steady = settings.cache_mode == "always"
        self._alone = _Levels("one unit", steady=steady)
        self._many = _Levels("many rows", steady=steady)
        #: By key: the computation under way, and which of its units.
        self._flights: dict[str, tuple[asyncio.Task[Units | Reply], int]] = {}
        self._tasks: set[asyncio.Task[Units | Reply]] = set()
        #: Seconds that a unit took, waiting included, lately.
        self._unit_s = 0.0

    def __repr__(self) -> str:
        return f"<Predictor {self._batcher!r} {self._alone.near!r} {self._alone.far!r}>"

    async def predict(
        self, question: Question | RowQuestion, *, recompute: bool = False, patient: bool = False
    ) -> Prediction:
        """Raises ScoringError. `recompute` replaces what is stored."""
        if not (self._caching and question.cacheable):
            return _prediction(question, await self._ask(question, patient=patient), "bypass")
        count = 1 if isinstance(question, Question) else len(question)
        levels = self._alone if count == 1 else self._many
        near = recompute or levels.near.lets_pass(count)
        far = self._cache.remote and (recompute or levels.far.lets_pass(count))
        if not (near or far):
            return _prediction(question, await self._ask(question, patient=patient), "bypass")
        began = time.perf_counter()
        keys = self._names(question)
        found: list[Entry | None] = [None] * count
        reachable = True
        if not recompute:
            found = [self._cache.peek(key) for key in keys]
            hits = count - found.count(None)
            levels.near.looked_up(count, hits, time.perf_counter() - began)
            if far and hits < count:
                reachable = await self._look_beyond(levels, keys, found)
        hits = count - found.count(None)
        if hits == count:
            self._refresh_early(question, keys, found, far=far)
            return _hit(question, found)
        fares = _Fares(far=far, lease=far and not recompute, patient=patient)
        units, was_joined = await self._compute(question, keys, found, fares)
        levels.near.judge(self._batcher.pace.row_s or self._unit_s)
        levels.far.judge(self._unit_s)
        status: CacheStatus = "joined" if was_joined else "miss" if reachable else "bypass"
        return _prediction(question, units, status, hits=hits, ttl_left_s=self._ttl_s)

    async def close(self) -> None:
        """Let what is being computed land."""
        while self._tasks:
            await asyncio.wait(self._tasks)
        await self._batcher.close()

    def _names(self, question: Question | RowQuestion) -> list[str]:
        script = self._script
        if isinstance(question, Question):
            key = self._keys.prediction_key(
                model=script.model,
                script=script.digest,
                method=script.method,
                parameters=script.parameters,
                dtype=question.dtype,
                shape=question.shape,
                data=question.data,
            )
            return [key]
        return self._keys.row_keys(
            model=script.model,
            script=script.digest,
            method=script.method,
            parameters=script.parameters,
            dtype=question.dtype,
            shape=question.row_shape,
            rows=question.row_bytes(),
        )

    async def _look_beyond(
        self, levels: _Levels, keys: Sequence[str], found: list[Entry | None]
    ) -> bool:
        """Fill what the shared cache has into `found`; False where it can't be reached."""
        missing = [index for index, entry in enumerate(found) if entry is None]
        began = time.perf_counter()
        try:
            entries = await self._cache.get_many([keys[index] for index in missing])
        except ConnectionError:
            return False
        for index, entry in zip(missing, entries, strict=True):
            found[index] = entry
        hits = len(entries) - entries.count(None)
        levels.far.looked_up(len(missing), hits, time.perf_counter() - began)
        return True

    async def _compute(
        self,
        question: Question | RowQuestion,
        keys: Sequence[str],
        found: Sequence[Entry | None],
        fares: _Fares,
    ) -> tuple[Units | Reply, bool]:
        """Every unit: found, from computations under way, or from one that begins here."""
        missing = [index for index, entry in enumerate(found) if entry is None]
        own = [index for index in missing if keys[index] not in self._flights]
        if own:
            self._take_off(question, keys, own, fares)
        landing = {index: self._flights[keys[index]] for index in missing}
        units = [b"" if entry is None else entry.value for entry in found]
        mine = set(own)
        for index, (flight, position) in landing.items():
            try:
                outcome = await asyncio.shield(flight)
            except ScoringError:
                if index in mine:
                    raise
                # It may have failed of another's row.
                outcome = await self._ask(_only(question, index), patient=fares.patient)
                position = 0  # noqa: PLW2901 - the only one of what was asked instead
            if isinstance(outcome, Reply):
                return outcome, not own
            units[index] = outcome[position]
        return units, not own

    def _take_off(
        self,
        question: Question | RowQuestion,
        keys: Sequence[str],
        own: Sequence[int],
        fares: _Fares,
    ) -> None:
        part = question
        if not isinstance(question, Question) and len(own) < len(question):
            part = question.take(own)
        names = [keys[index] for index in own]
        flight = asyncio.get_running_loop().create_task(self._fly(part, names, fares))
        self._tasks.add(flight)
        # Of two equal rows in one question both are computed, and the last is who is joined.
        for position, name in enumerate(names):
            self._flights[name] = flight, position
        flight.add_done_callback(partial(self._land, names))

    def _land(self, names: Sequence[str], flight: asyncio.Task[Units | Reply]) -> None:
        self._tasks.discard(flight)
        for name in names:
            if self._flights.get(name, (None,))[0] is flight:
                del self._flights[name]
        if not flight.cancelled():
            flight.exception()  # every waiter may have left: it counts as looked at

    async def _fly(
        self, question: Question | RowQuestion, names: Sequence[str], fares: _Fares
    ) -> Units | Reply:
        cost_s = self._unit_s if fares.lease else 0.0
        async with Lease(self._cache, names, cost_s=cost_s) as lease:
            if lease.brought is not None:
                return lease.brought
            began = time.perf_counter()
            outcome = await self._ask(question, patient=fares.patient)
            self._learn((time.perf_counter() - began) / len(names))
            if not isinstance(outcome, Reply):
                keep = self._cache.store_soon if fares.far else self._cache.keep
                keep(list(zip(names, outcome, strict=True)), ttl_s=self._ttl_s)
            return outcome

    async def _ask(self, question: Question | RowQuestion, *, patient: bool) -> Units | Reply:
        await self._loaded()
        if isinstance(question, Question):
            run = partial(self._script.run, question)
            outcome = await self._thread.run(run, rows=question.rows, patient=patient)
            return outcome if isinstance(outcome, Reply) else [outcome]
        return await self._batcher.ask(question, patient=patient)

    def _learn(self, unit_s: float) -> None:
        self._unit_s += (unit_s - self._unit_s) / (16 if self._unit_s else 1)

    def _refresh_early(
        self,
        question: Question | RowQuestion,
        keys: Sequence[str],
        found: Sequence[Entry | None],
        *,
        far: bool,
    ) -> None:
        """Compute hot units anew shortly before they expire, by chance ever more likely.

        The chance is that of XFetch (Vattani, Chierichetti and Lowenstein, VLDB 2015): the dearer
        the computation, the earlier, and of many who ask at once about one begins.
        """
        stale = [
            index
            for index, entry in enumerate(found)
            if entry is not None
            and entry.ttl_left_s < 20 * self._unit_s
            and entry.ttl_left_s < self._unit_s * -math.log(1 - random.random())  # noqa: S311
            and keys[index] not in self._flights
        ]
        if stale:
            # What another process holds is what is about to expire: no lease to wait for.
            self._take_off(question, keys, stale, _Fares(far=far, lease=False, patient=True))


def _only(question: Question | RowQuestion, index: int) -> Question | RowQuestion:
    return question if isinstance(question, Question) else question.take([index])


def _hit(question: Question | RowQuestion, found: Sequence[Entry | None]) -> Prediction:
    entries = [entry for entry in found if entry is not None]
    return _prediction(
        question,
        [entry.value for entry in entries],
        "hit",
        age_s=max(entry.age_s for entry in entries),
        hits=len(entries),
        ttl_left_s=min(entry.ttl_left_s for entry in entries),
    )


def _prediction(
    question: Question | RowQuestion,
    outcome: Units | Reply,
    status: CacheStatus,
    *,
    age_s: float | None = None,
    hits: int = 0,
    ttl_left_s: float | None = None,
) -> Prediction:
    if isinstance(outcome, Reply):
        return Prediction(outcome.body, "bypass", reply=outcome)
    value = outcome[0] if isinstance(question, Question) else joined(outcome)
    return Prediction(value, status, age_s, hits=hits, ttl_left_s=ttl_left_s)
