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
from functools import partial

from inference import slices
from inference.computation import Units
from inference.deadlines import Wait
from inference.economy import Gate
from inference.flights import Fares, Flights
from inference.off_loop import off_loop
from inference.ports import Cache, Entry, Keys
from inference.predictions import Prediction, joined
from inference.request import CacheStatus
from inference.scripts.question import Question, Reply, RowQuestion, Script
from inference.settings import InferenceSettings
from inference.worker import ModelThread

#: A question's data of no more bytes are hashed on the event loop, which takes a millisecond.
INLINE_HASH_BYTES = 512 * 1024


class _Levels:
    """The gates to the near cache and to the one beyond it, for questions of one size."""

    def __init__(self, size: str, *, steady: bool) -> None:
        self.near = Gate(f"near, {size}", steady=steady)
        self.far = Gate(f"far, {size}", steady=steady)


class Predictor:
    """Answers questions of one script. For one event loop."""

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
        self._ttl_s = settings.cache_ttl_s
        self._caching = settings.cache_mode != "off"
        self._flights = Flights(
            script, cache=cache, ttl_s=self._ttl_s, thread=thread, loaded=loaded
        )
        steady = settings.cache_mode == "always"
        self._alone = _Levels("one unit", steady=steady)
        self._many = _Levels("many rows", steady=steady)
        self._trials: set[asyncio.Task[object]] = set()

    def __repr__(self) -> str:
        return f"<Predictor {self._flights!r} {self._alone.near!r} {self._alone.far!r}>"

    async def predict(
        self, question: Question | RowQuestion, *, wait: Wait, recompute: bool = False
    ) -> Prediction:
        """Raises ScoringError, and what a script raised. `recompute` replaces what is stored.

        `wait` is told once the model begins; its end is its owner's to see to.
        """
        if not isinstance(question, Question) and len(question) > slices.ROWS:
            each = partial(self.predict, wait=wait, recompute=recompute)
            return await slices.predicted(question, each)
        count = 1 if isinstance(question, Question) else len(question)
        levels = self._alone if count == 1 else self._many
        near = far = False
        if self._caching and question.cacheable:
            near = recompute or levels.near.lets_pass(count)
            far = self._cache.remote and (recompute or levels.far.lets_pass(count))
        if not (near or far):
            outcome = await self._flights.ask(question, wait=wait)
            return _prediction(question, outcome, "bypass")
        lease = far and not recompute and levels.far.is_open
        began = time.perf_counter()
        size = question.data.nbytes if isinstance(question, Question) else 0
        keys = await off_loop(size <= INLINE_HASH_BYTES, size, partial(self._names, question))
        found: list[Entry | None] = [None] * count
        reachable = True
        if not recompute:
            found = [self._cache.peek(key) for key in keys]
            levels.near.looked_up(count, count - found.count(None), time.perf_counter() - began)
            if far and None in found:
                reachable = await self._look_beyond(levels, keys, found)
        hits = count - found.count(None)
        if hits == count:
            self._judge(levels)
            self._refresh_early(question, keys, found, far=far)
            return _hit(question, found)
        fares = Fares(far=far, lease=lease)
        units, was_joined = await self._flights.compute(question, keys, found, fares, wait)
        self._judge(levels)
        status: CacheStatus = "joined" if was_joined else "miss" if reachable else "bypass"
        return _prediction(question, units, status, hits=hits, ttl_left_s=self._ttl_s)

    async def close(self, within_s: float) -> None:
        """Let what is being computed land, for so many seconds; then tell who still waits."""
        for trial in self._trials:
            trial.cancel()
        await self._flights.close(within_s)

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
        self, levels: _Levels, keys: Sequence[str]
    ) -> Sequence[Entry | None] | None:
        began = time.perf_counter()
        try:
            entries = await self._cache.get_many(keys)
        except ConnectionError:
            return None
        hits = len(entries) - entries.count(None)
        levels.far.looked_up(len(keys), hits, time.perf_counter() - began)
        return entries

    def _judge(self, levels: _Levels) -> None:
        levels.near.judge(self._flights.model_s)
        levels.far.judge(self._flights.unit_s)

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
        unit_s = self._flights.unit_s
        stale = [
            index
            for index, entry in enumerate(found)
            if entry is not None
            and entry.ttl_left_s < 20 * unit_s
            and entry.ttl_left_s < unit_s * -math.log(1 - random.random())  # noqa: S311
            and keys[index] not in self._flights
        ]
        if stale:
            # What another process holds is what is about to expire: no lease to wait for.
            begun = self._flights.take_off(question, keys, stale, Fares(far=far, lease=False))
            begun.join()  # and nobody leaves: it is to be stored


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
