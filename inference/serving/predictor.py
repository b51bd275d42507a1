"""From a question to its prediction: what the cache knows, what others compute, and the model.

Independent rows are looked up, joined and stored one by one, so that whichever door, format or
company brings a row again finds it; any other question is one unit of that kind. What a look-up
costs and brings is measured, and a look-up that does not pay is left out
(inference.serving.cache_policy).
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from inference.ports import Cache, Entry, Keys
from inference.request import CacheStatus
from inference.scripts.question import Question, Reply, RowQuestion, Script
from inference.serving import pieces
from inference.serving.cache_lookup import Levels, LookUps, Terms
from inference.serving.computation import ComputeOptions, Units
from inference.serving.deadlines import Wait
from inference.serving.model_thread import ModelThread
from inference.serving.off_loop import off_loop
from inference.serving.prediction import Prediction, joined
from inference.serving.single_flight import SingleFlight
from inference.settings import InferenceSettings

#: A question's data of no more bytes are hashed on the event loop, which takes a millisecond.
INLINE_HASH_BYTES = 512 * 1024


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
        self._single_flight = SingleFlight(
            script, cache=cache, ttl_s=self._ttl_s, thread=thread, loaded=loaded
        )
        steady = settings.cache_mode == "always"
        self._alone = Levels("one unit", steady=steady)
        self._many = Levels("many rows", steady=steady)
        self._look_ups = LookUps(cache)

    def __repr__(self) -> str:
        return f"<Predictor {self._single_flight!r} {self._alone.near!r} {self._alone.far!r}>"

    async def predict(
        self, question: Question | RowQuestion, *, wait: Wait, recompute: bool = False
    ) -> Prediction:
        """Raises ScoringError, and what a script raised. `recompute` replaces what is stored.

        `wait` is told once the model begins; its end is its owner's to see to.
        """
        count = 1 if isinstance(question, Question) else len(question)
        levels = self._alone if count == 1 else self._many
        near = far = False
        if self._caching and question.cacheable:
            near = recompute or levels.near.lets_pass(count)
            far = self._cache.remote and (recompute or levels.far.lets_pass(count))
        if not isinstance(question, Question) and count > pieces.ROWS:
            terms = Terms(levels, near=near, far=far, recompute=recompute)
            return await self._predict_many(question, terms, wait)
        if not (near or far):
            outcome = await self._single_flight.call_model(question, wait=wait)
            return _prediction(question, outcome, "bypass")
        lease = far and not recompute and levels.far.is_open
        began = time.perf_counter()
        if isinstance(question, Question) and question.data.nbytes > INLINE_HASH_BYTES:
            keys = await off_loop(False, question.data.nbytes, partial(self._names, question))
        else:
            keys = self._names(question)
        found: list[Entry | None] = [None] * count
        reachable = True
        if not recompute:
            found, reachable = await self._look_ups.look_up(levels, keys, far=far, began=began)
        hits = count - found.count(None)
        if hits == count:
            self._judge(levels)
            self._refresh_early(question, keys, found, far=far)
            return _hit(question, found)
        options = ComputeOptions(far=far, lease=lease)
        units, was_joined = await self._single_flight.compute(question, keys, found, options, wait)
        self._judge(levels)
        status: CacheStatus = "joined" if was_joined else "miss" if reachable else "bypass"
        return _prediction(question, units, status, hits=hits, ttl_left_s=self._ttl_s)

    async def _predict_many(self, question: RowQuestion, terms: Terms, wait: Wait) -> Prediction:
        """Rows by the thousand: looked up and stored in pieces, and joined as a whole alone."""
        count, levels = len(question), terms.levels
        if not (terms.near or terms.far):
            units = await self._single_flight.call_model_for_many(question, wait=wait)
            return await _of_many([], (), units, "bypass")
        keys = await off_loop(False, count, partial(self._names, question))
        found: list[Entry | None] = []
        reachable = True
        async for rows in pieces.of(count):
            part = keys[rows.start : rows.stop]
            if terms.recompute:
                found += [None] * len(part)
                continue
            entries, answered = await self._look_ups.look_up(levels, part, far=terms.far)
            found += entries
            reachable = reachable and answered
        missing = [row for row, entry in enumerate(found) if entry is None]
        if not missing:
            self._judge(levels)
            return await _of_many(found, (), [], "hit")
        if len(missing) < count:
            question, keys = question.take(missing), [keys[row] for row in missing]
        units, was_joined = await self._single_flight.compute_many(
            question, keys, ComputeOptions(far=terms.far, lease=False), wait
        )
        self._judge(levels)
        status: CacheStatus = "joined" if was_joined else "miss" if reachable else "bypass"
        prediction = await _of_many(found, missing, units, status)
        return prediction._replace(ttl_left_s=self._ttl_s)

    async def close(self, within_s: float) -> None:
        """Let what is being computed land, for so many seconds; then tell who still waits."""
        self._look_ups.close()
        await self._single_flight.close(within_s)

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

    def _judge(self, levels: Levels) -> None:
        levels.near.judge(self._single_flight.model_s)
        levels.far.judge(self._single_flight.unit_s)

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
        unit_s = self._single_flight.unit_s
        stale = [
            index
            for index, entry in enumerate(found)
            if entry is not None
            and entry.ttl_left_s < 20 * unit_s
            and entry.ttl_left_s < unit_s * -math.log(1 - random.random())  # noqa: S311
            and keys[index] not in self._single_flight
        ]
        if stale:
            # What another process holds is what is about to expire: no lease to wait for.
            begun = self._single_flight.start(
                question, keys, stale, ComputeOptions(far=far, lease=False)
            )
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


async def _of_many(
    found: Sequence[Entry | None], missing: Sequence[int], units: Units, status: CacheStatus
) -> Prediction:
    """The answer to many rows, put together beside the event loop."""

    def together() -> Prediction:
        values = [b"" if entry is None else entry.value for entry in found] if found else units
        for row, unit in zip(missing, units, strict=False):
            values[row] = unit
        value = joined(values)
        if status != "hit":
            return Prediction(value, status, hits=len(found) - len(missing))
        entries = [entry for entry in found if entry is not None]
        return Prediction(
            value,
            status,
            max(entry.age_s for entry in entries),
            hits=len(entries),
            ttl_left_s=min(entry.ttl_left_s for entry in entries),
        )

    return await off_loop(False, len(found) or len(units), together)
