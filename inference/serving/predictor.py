"""From a question to its prediction: from the caches, from computations in flight, or the model.

Independent rows are looked up, coalesced and stored one by one, so a row is found again
from any trigger, format or batch. Any other question is looked up, coalesced and stored as a whole.
inference.serving.cache_policy decides which caches a question uses.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from inference.ports import Cache, Entry, Keys
from inference.request import CacheStatus
from inference.scripts.question import Question, RowQuestion, Script
from inference.serving import cache_policy, prediction
from inference.serving.cache_lookup import CacheLookup, Found
from inference.serving.cache_policy import CachePolicy, Plan
from inference.serving.computation import ComputeOptions
from inference.serving.deadlines import Wait
from inference.serving.model_caller import ModelCaller
from inference.serving.model_thread import ModelThread
from inference.serving.off_loop import PIECE_ROWS, off_loop
from inference.serving.prediction import Prediction, has_failures, json_list
from inference.serving.single_flight import SingleFlight

#: A question's data of no more bytes are hashed on the event loop, which takes a millisecond.
INLINE_HASH_BYTES = 512 * 1024
#: So many answers are joined on the event loop, in 0.2 ms.
INLINE_JOIN_ROWS = 32 * 1024


class Predictor:
    """Answers questions of one script. For one event loop."""

    def __init__(
        self,
        script: Script,
        policy: CachePolicy,
        *,
        cache: Cache,
        ttl_s: float,
        keys: Keys,
        thread: ModelThread,
        load: Callable[[], Awaitable[object]],
    ) -> None:
        self._script, self._policy, self._keys = script, policy, keys
        self._ttl_s = ttl_s
        self._model = ModelCaller(script, thread=thread, load=load)
        self._single_flight = SingleFlight(self._model, cache=cache, ttl_s=ttl_s)
        self._lookup = CacheLookup(cache)

    def __repr__(self) -> str:
        return f"<Predictor {self._single_flight!r} {self._policy!r}>"

    async def predict(
        self, question: Question | RowQuestion, *, wait: Wait, recompute: bool = False
    ) -> Prediction:
        """Raises ScoringError, and what a script raised. `recompute` replaces what is stored.

        `wait.begun` is set once the model begins. The caller of this ends the wait.
        """
        count = 1 if isinstance(question, Question) else len(question)
        plan = self._policy.plan(count, cacheable=question.cacheable, recompute=recompute)
        if not isinstance(question, Question) and count > PIECE_ROWS:
            return await self._predict_many(question, plan, wait)
        if not plan.keys:
            outcome = await self._model.call(question, wait=wait)
            return prediction.from_model(question, outcome, "bypass")
        began = time.perf_counter()
        if isinstance(question, Question) and question.data.nbytes > INLINE_HASH_BYTES:
            keys = await off_loop(False, question.data.nbytes, partial(self._name, question))
        else:
            keys = self._name(question)
        keys_s = time.perf_counter() - began
        found, reachable = await self._lookup.find(plan, keys, keys_s=keys_s)
        stored = [entry for entry in found if entry is not None]
        hits = len(stored)
        if hits == count:
            self._refresh_early(question, plan, keys, stored)
            return prediction.from_cache(question, stored)
        options = ComputeOptions(far=plan.redis, lease=plan.lease)
        units, begun = await self._single_flight.compute(question, keys, found, options, wait)
        self._learn(plan)
        self._policy.record_in_flight(count - hits, begun=begun)
        status = _status(begun, reachable=reachable)
        return prediction.from_model(question, units, status, hits=hits, ttl_left_s=self._ttl_s)

    async def _predict_many(self, question: RowQuestion, plan: Plan, wait: Wait) -> Prediction:
        """Rows by the thousand: named and put together off the event loop, looked up and stored in
        pieces, and coalesced only with a question of the same rows.
        """
        count = len(question)
        if not plan.keys:
            units = await self._model.call_rows(question, wait=wait)
            quick = count <= INLINE_JOIN_ROWS
            value = await off_loop(quick, count, partial(json_list, units))
            return Prediction(value, "bypass", cacheable=not has_failures(question, units))
        keys, keys_s = await off_loop(False, count, partial(self._name_timed, question))
        found, reachable = await self._lookup.find(plan, keys, keys_s=keys_s)
        missing = [row for row, entry in enumerate(found) if entry is None]
        if not missing:
            return await off_loop(False, count, partial(_from_cache, question, found))
        if len(missing) < count:
            question, keys = question.take(missing), [keys[row] for row in missing]
        options = ComputeOptions(far=plan.redis, lease=False)
        units, begun = await self._single_flight.compute_many(question, keys, options, wait)
        self._learn(plan)
        self._policy.record_in_flight(len(missing), begun=begun)
        value = await off_loop(False, count, partial(_merge, found, missing, units))
        status = _status(begun, reachable=reachable)
        hits, cacheable = count - len(missing), not has_failures(question, units)
        return Prediction(value, status, None, None, hits, self._ttl_s, cacheable)

    async def close(self, within_s: float) -> None:
        """Let computations in flight end, for so many seconds; then fail those who still wait."""
        self._lookup.close()
        await self._single_flight.close(within_s)

    def _name_timed(self, question: RowQuestion) -> tuple[list[str], float]:
        """The key of each row, and the processor seconds that they took."""
        began = time.thread_time()
        return self._name(question), time.thread_time() - began

    def _name(self, question: Question | RowQuestion) -> list[str]:
        """The key of each unit."""
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

    def _learn(self, plan: Plan) -> None:
        answer_s = self._single_flight.unit_s
        plan.policy.learn(model_s=self._model.row_s or answer_s, answer_s=answer_s)

    def _refresh_early(
        self,
        question: Question | RowQuestion,
        plan: Plan,
        keys: Sequence[str],
        found: Sequence[Entry],
    ) -> None:
        """Compute units that expire soon. No caller waits for it."""
        unit_s = self._single_flight.unit_s
        due = [
            index
            for index, entry in enumerate(found)
            if cache_policy.expires_soon(entry.ttl_left_s, unit_s)
            and keys[index] not in self._single_flight
        ]
        if due:
            # No lease: what another process has stored is what expires.
            options = ComputeOptions(far=plan.redis, lease=False)
            # One waiter that never leaves, so that the answer is stored in any case.
            self._single_flight.start(question, keys, due, options).join()


def _status(begun: int, *, reachable: bool) -> CacheStatus:
    """`begun`: units that were computed for this question. `reachable`: Redis answered."""
    if not begun:
        return "joined"
    return "miss" if reachable else "bypass"


def _from_cache(question: RowQuestion, found: Found) -> Prediction:
    return prediction.from_cache(question, [entry for entry in found if entry is not None])


def _merge(found: Found, missing: Sequence[int], units: Sequence[bytes]) -> bytes:
    """The answer to many rows, of those found and the others' `units`."""
    values = [b"" if entry is None else entry.value for entry in found]
    for row, unit in zip(missing, units, strict=True):
        values[row] = unit
    return json_list(values)
