"""Single flight: units that are being computed are not computed again, but waited for.

A computation belongs to none of its waiters, so cancelling one of them leaves it to the others.
When the last one is cancelled, it is dropped if the model has not begun, and stored if it has.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from functools import partial

from inference.errors import InternalError, is_row_specific
from inference.log_text import current_request
from inference.ports import Cache, Entry
from inference.scripts.question import NotCached, Question, Reply, RowQuestion
from inference.serving.cache_policy import LEASE_FROM_S
from inference.serving.computation import Computation, ComputeOptions, Units, joint_key
from inference.serving.deadlines import Wait
from inference.serving.in_flight import InFlight, Parts
from inference.serving.leases import Lease
from inference.serving.model_caller import ModelCaller
from inference.serving.off_loop import in_pieces, off_loop
from inference.tracebacks import format_error

log = logging.getLogger(__name__)

#: The time of a unit is averaged over about so many computations.
MEMORY = 16


class SingleFlight:
    """The computations of one script. For one event loop."""

    def __init__(self, model: ModelCaller, *, cache: Cache, ttl_s: float) -> None:
        self._model, self._cache, self._ttl_s = model, cache, ttl_s
        self._in_flight = InFlight()
        #: Seconds that a unit took lately, waiting included.
        self.unit_s = 0.0

    def __repr__(self) -> str:
        return f"<SingleFlight {len(self._in_flight)} units in flight, {self._model!r}>"

    def __contains__(self, key: str) -> bool:
        return key in self._in_flight

    async def compute(
        self,
        question: Question | RowQuestion,
        keys: Sequence[str],
        found: Sequence[Entry | None],
        options: ComputeOptions,
        wait: Wait,
    ) -> tuple[Units | Reply, int]:
        """The answer to every unit, and how many units this call began to compute.

        A unit is taken from `found`, from a computation in flight, or from one that begins here.
        Raises as ModelCaller.call does.
        """
        own, joined = self._in_flight.split(keys, found)
        if joined:
            return await self._compute_and_join(question, keys, found, own, joined, options, wait)
        computation = self._start_in_time(question, keys, own, options, wait)
        outcome = await self._outcome(computation, wait)
        if isinstance(outcome, Reply) or len(own) == len(keys):
            return outcome, len(own)
        units = _values(found)
        for index, unit in zip(own, outcome, strict=True):
            units[index] = unit
        return units, len(own)

    async def compute_many(
        self, question: RowQuestion, keys: Sequence[str], options: ComputeOptions, wait: Wait
    ) -> tuple[Units, int]:
        """As `compute`, for many rows of which none was found.

        They have one key together, and only a question of the same rows can join them. To register
        each row would take as long as all else that is done for it.
        """
        key = await off_loop(False, len(keys), partial(joint_key, keys))
        computation, begun = self._in_flight.get(key), 0
        if computation is None:
            self._model.require_time(question, len(keys), wait)
            computation, begun = Computation([key]), len(keys)
            work = self._run_many(question, computation, keys, options)
            self._in_flight.begin(computation, work)
        outcome = await self._outcome(computation, wait)
        if isinstance(outcome, Reply):
            raise InternalError("a reply to rows")
        return outcome, begun

    def start(
        self,
        question: Question | RowQuestion,
        keys: Sequence[str],
        own: Sequence[int],
        options: ComputeOptions,
    ) -> Computation:
        """Begin to compute the units `own` of the question."""
        if not isinstance(question, Question) and len(own) < len(keys):
            question = question.take(own)
        computation = Computation([keys[index] for index in own])
        self._in_flight.begin(computation, self._run(question, computation, options))
        return computation

    async def close(self, within_s: float) -> None:
        """Let computations end, for so many seconds; then fail those who still wait."""
        await self._in_flight.close(within_s)
        await self._model.close(within_s)

    async def _compute_and_join(
        self,
        question: Question | RowQuestion,
        keys: Sequence[str],
        found: Sequence[Entry | None],
        own: Sequence[int],
        joined: Parts,
        options: ComputeOptions,
        wait: Wait,
    ) -> tuple[Units | Reply, int]:
        units, parts = _values(found), joined
        if own:
            begun = self._start_in_time(question, keys, own, options, wait)
            parts = {begun: list(zip(own, range(len(own)), strict=True)), **joined}
        for computation in parts:
            computation.join()
        try:
            again: list[int] = []
            for computation, places in parts.items():
                outcome = await _outcome_of_others(computation, keys)
                if isinstance(outcome, Reply):
                    return outcome, len(own)
                if outcome is None:
                    again += [index for index, _ in places]
                    continue
                for index, position in places:
                    units[index] = outcome[position]
            if again:
                await self._compute_again(question, again, units, wait)
            return units, len(own)
        finally:
            for computation in parts:
                self._in_flight.leave(computation, wait)

    async def _compute_again(
        self, question: Question | RowQuestion, again: Sequence[int], units: Units, wait: Wait
    ) -> None:
        """Fill in the units `again`, whose computation may have failed because of other rows."""
        if not isinstance(question, Question):
            question = question.take(again)
        outcome = await self._model.call(question, wait=wait)
        if not isinstance(outcome, Reply):  # a computation that replies has no other rows
            for index, unit in zip(again, outcome, strict=True):
                units[index] = unit

    def _start_in_time(
        self,
        question: Question | RowQuestion,
        keys: Sequence[str],
        own: Sequence[int],
        options: ComputeOptions,
        wait: Wait,
    ) -> Computation:
        """As `start`. Raises Overloaded where the answer would most likely come too late."""
        self._model.require_time(question, len(own), wait)
        return self.start(question, keys, own, options)

    async def _outcome(self, computation: Computation, wait: Wait) -> Units | Reply:
        computation.join()
        try:
            return await computation.outcome()
        finally:
            self._in_flight.leave(computation, wait)

    async def _run(
        self, question: Question | RowQuestion, computation: Computation, options: ComputeOptions
    ) -> None:
        if not options.lease or self.unit_s * len(computation.keys) < LEASE_FROM_S:
            await self._call_model(question, computation, options)
            return
        async with Lease(self._cache, computation.keys, cost_s=self.unit_s) as lease:
            # The outcome is set inside the block: no waiter waits for the lease to be given back.
            if lease.answers is None:
                await self._call_model(question, computation, options)
            else:
                self._in_flight.forget(computation)
                computation.set_outcome(lease.answers)

    async def _call_model(
        self, question: Question | RowQuestion, computation: Computation, options: ComputeOptions
    ) -> None:
        keys = computation.keys
        began = time.perf_counter()
        outcome = await self._model.call(question, wait=computation.wait)
        self._learn((time.perf_counter() - began) / len(keys))
        if not isinstance(outcome, Reply):
            self._keep(question, keys, outcome, far=options.far)
        self._in_flight.forget(computation)
        computation.set_outcome(outcome)

    async def _run_many(
        self,
        question: RowQuestion,
        computation: Computation,
        keys: Sequence[str],
        options: ComputeOptions,
    ) -> None:
        """Nothing is stored before all rows have their answers."""
        began = time.perf_counter()
        units = await self._model.call_rows(
            question, wait=computation.wait, abandoned=lambda: not computation.has_waiters
        )
        if len(units) < len(question):
            self._in_flight.forget(computation)  # nobody may join what gets no answers
            return
        self._learn((time.perf_counter() - began) / len(keys))
        computation.set_outcome(units)
        async for rows in in_pieces(len(keys)):
            part = slice(rows.start, rows.stop)
            self._keep(question, keys[part], units[part], far=options.far)

    def _keep(
        self, question: Question | RowQuestion, keys: Sequence[str], units: Units, *, far: bool
    ) -> None:
        """Store answers. A failure is logged: the answers are right without it."""
        keep = self._cache.store_soon if far else self._cache.keep
        pairs = list(zip(keys, units, strict=True))
        if isinstance(question, Question) or question.may_fail:
            pairs = [pair for pair in pairs if not isinstance(pair[1], NotCached)]
            if not pairs:
                return
        try:
            keep(pairs, ttl_s=self._ttl_s)
        except Exception as error:  # noqa: BLE001 - as above
            request_id, where = current_request.get(), format_error(error)
            log.error("request %r: failed to store its answers: %s", request_id, where)

    def _learn(self, unit_s: float) -> None:
        self.unit_s += (unit_s - self.unit_s) / (MEMORY if self.unit_s else 1)


def _values(found: Sequence[Entry | None]) -> Units:
    """The values found; empty for units that were not."""
    return [b"" if entry is None else entry.value for entry in found]


async def _outcome_of_others(computation: Computation, keys: Sequence[str]) -> Units | Reply | None:
    """Its outcome; None if it may have failed because of rows that are not among `keys`."""
    try:
        return await computation.outcome()
    except Exception as error:
        if is_row_specific(error) and not set(keys).issuperset(computation.keys):
            return None
        raise
