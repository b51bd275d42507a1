"""Computations under way: begun once, joined by whoever asks for the same, stored when they land.

A computation belongs to nobody who waits for it: a waiter that is cancelled leaves alone. What
everybody has left is dropped where the model has not begun on it, and stored where it has.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import partial
from typing import Any

from inference.errors import InternalError, is_row_specific
from inference.ports import Cache, Entry
from inference.scripts.question import Question, Reply, RowQuestion, Script
from inference.serving import admission
from inference.serving.batching import Batcher
from inference.serving.call_times import CallTimes
from inference.serving.computation import Computation, ComputeOptions, Units, joint_key
from inference.serving.deadlines import Wait
from inference.serving.leases import Lease
from inference.serving.model_thread import ModelThread
from inference.serving.off_loop import CALL_ROWS, in_pieces, off_loop
from inference.tracebacks import format_error

log = logging.getLogger(__name__)

#: By computation: which unit of a question is which of its own.
_Parts = dict[Computation, list[tuple[int, int]]]


class SingleFlight:
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
        self._in_flight: dict[str, tuple[Computation, int]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._whole_times = CallTimes()  # of questions that are answered whole
        #: Seconds that a unit took, waiting included, lately.
        self.unit_s = 0.0

    def __repr__(self) -> str:
        return f"<SingleFlight {len(self._in_flight)} units under way, {self._batcher!r}>"

    def __contains__(self, key: str) -> bool:
        return key in self._in_flight

    @property
    def model_s(self) -> float:
        """Seconds that the model itself takes for a unit, lately."""
        return self._batcher.call_times.row_s or self.unit_s

    async def call_model(self, question: Question | RowQuestion, *, wait: Wait) -> Units | Reply:
        """The model's answer, whatever is under way. Raises ScoringError, and what a script raised.

        `wait` is told once the model begins; its end is its owner's to see to.
        """
        await self._loaded()
        if isinstance(question, Question):
            self._require_time(1, wait, whole=True)
            run = partial(self._whole_times.measure, 1, partial(self._script.run, question))
            outcome = await self._thread.run(run, rows=question.rows, waits=(wait,))
            return outcome if isinstance(outcome, Reply) else [outcome]
        self._require_time(len(question), wait)
        return await self._batcher.predict(question, wait=wait)

    async def call_model_for_many(
        self, question: RowQuestion, *, wait: Wait, left: Callable[[], bool] = lambda: False
    ) -> Units:
        """As `call_model`, a call of the model at a time; no further ones once `left` says so."""
        units: Units = []
        async for rows in in_pieces(len(question), CALL_ROWS):
            outcome = await self.call_model(question.take(rows), wait=wait)
            if isinstance(outcome, Reply):
                raise InternalError("a reply to rows")
            units += outcome
            if left():
                break
        return units

    async def compute_many(
        self, question: RowQuestion, keys: Sequence[str], options: ComputeOptions, wait: Wait
    ) -> tuple[Units, int]:
        """As `compute`, of rows of which none was found; they are joined by equal ones alone, as
        to register each would take as long as the rest of what is done for it.
        """
        name = await off_loop(False, len(keys), partial(joint_key, keys))
        under_way = self._in_flight.get(name)
        computation = under_way[0] if under_way else Computation([name])
        if not under_way:
            self._require_time(len(question), wait)
            self._begin(computation, self._run_many(question, computation, keys, options))
        computation.join()
        try:
            outcome = await computation.result()
        finally:
            self._leave(computation, wait)
        if isinstance(outcome, Reply):
            raise InternalError("a reply to rows")
        return outcome, 0 if under_way else len(keys)

    async def compute(
        self,
        question: Question | RowQuestion,
        keys: Sequence[str],
        found: Sequence[Entry | None],
        options: ComputeOptions,
        wait: Wait,
    ) -> tuple[Units | Reply, int]:
        """Every unit: found, from computations under way, or from one that begins here; and how
        many units that one has. Raises as `call_model` does.
        """
        units = [b"" if entry is None else entry.value for entry in found]
        own, parts = self._missing(keys, found)
        if own:
            self._require_time(len(own), wait, whole=isinstance(question, Question))
            begun = self.start(question, keys, own, options)
            parts = {begun: list(zip(own, range(len(own)), strict=True)), **parts}
        for computation in parts:
            computation.join()
        try:
            again: list[int] = []
            for computation, places in parts.items():
                outcome = await _result(computation, keys)
                if isinstance(outcome, Reply):
                    return outcome, len(own)
                if outcome is None:
                    again += [index for index, _ in places]
                    continue
                for index, position in places:
                    units[index] = outcome[position]
            if again:
                await self._ask_again(question, again, units, wait)
            return units, len(own)
        finally:
            for computation in parts:
                self._leave(computation, wait)

    def start(
        self,
        question: Question | RowQuestion,
        keys: Sequence[str],
        own: Sequence[int],
        options: ComputeOptions,
    ) -> Computation:
        """Begin to compute these units of the question, for whoever will join."""
        part = question
        if not isinstance(question, Question) and len(own) < len(question):
            part = question.take(own)
        computation = Computation([keys[index] for index in own])
        self._begin(computation, self._run(part, computation, options))
        return computation

    def _require_time(self, units: int, wait: Wait, *, whole: bool = False) -> None:
        """Raises Overloaded where the answer would come too late, most likely."""
        times = self._whole_times if whole else self._batcher.call_times
        before = self._thread.waiting if whole else self._batcher.rows
        admission.require_time(units, before=before, unit_s=times.row_s, wait=wait)

    def _begin(self, computation: Computation, work: Coroutine[Any, Any, None]) -> None:
        computation.task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(computation.task)
        # Of two equal rows in one question both are computed, and the last is who is joined.
        for position, name in enumerate(computation.names):
            self._in_flight[name] = computation, position
        computation.task.add_done_callback(partial(self._ended, computation))

    async def close(self, within_s: float) -> None:
        """Let what is being computed land, for so many seconds; then tell who still waits."""
        for late in (False, True):
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=within_s)
            if not late:
                for task in self._tasks:
                    task.cancel()
        await self._batcher.close(within_s)

    def _missing(
        self, keys: Sequence[str], found: Sequence[Entry | None]
    ) -> tuple[list[int], _Parts]:
        """Of what was not found: what nobody computes, and what is under way."""
        own: list[int] = []
        joined: _Parts = {}
        for index, entry in enumerate(found):
            if entry is None:
                under_way = self._in_flight.get(keys[index])
                if under_way is None:
                    own.append(index)
                else:
                    joined.setdefault(under_way[0], []).append((index, under_way[1]))
        return own, joined

    async def _ask_again(
        self, question: Question | RowQuestion, again: Sequence[int], units: Units, wait: Wait
    ) -> None:
        """Fill in what failed of another's row: all of it together, and once."""
        if not isinstance(question, Question):
            question = question.take(again)
        outcome = await self.call_model(question, wait=wait)
        if not isinstance(outcome, Reply):  # whoever joined a question has its every byte
            for index, unit in zip(again, outcome, strict=True):
                units[index] = unit

    async def _run(
        self, question: Question | RowQuestion, computation: Computation, options: ComputeOptions
    ) -> None:
        names = computation.names
        cost_s = self.unit_s if options.lease else 0.0
        async with Lease(self._cache, names, cost_s=cost_s) as lease:
            outcome: Units | Reply | None = lease.brought
            if outcome is None:
                began = time.perf_counter()
                outcome = await self.call_model(question, wait=computation.wait)
                self._learn((time.perf_counter() - began) / len(names))
                if not isinstance(outcome, Reply):
                    self._keep(names, outcome, far=options.far)
            # Nobody waits for a lease to be given back.
            self._forget(computation)
            computation.tell(outcome)

    async def _run_many(
        self,
        question: RowQuestion,
        computation: Computation,
        keys: Sequence[str],
        options: ComputeOptions,
    ) -> None:
        """Nothing is stored before all rows have their answers."""
        began = time.perf_counter()
        units = await self.call_model_for_many(
            question, wait=computation.wait, left=lambda: not computation.is_awaited
        )
        if len(units) < len(question):
            return
        self._learn((time.perf_counter() - began) / len(keys))
        computation.tell(units)
        async for rows in in_pieces(len(keys)):
            part = slice(rows.start, rows.stop)
            self._keep(keys[part], units[part], far=options.far)

    def _keep(self, names: Sequence[str], units: Units, *, far: bool) -> None:
        """What can't be kept is computed again some day: nobody's answer fails of it."""
        keep = self._cache.store_soon if far else self._cache.keep
        try:
            keep(list(zip(names, units, strict=True)), ttl_s=self._ttl_s)
        except Exception as error:  # noqa: BLE001 - as above
            log.error("failed to store answers: %s", format_error(error))

    def _leave(self, computation: Computation, wait: Wait) -> None:
        if computation.leave(wait):
            self._forget(computation)  # who comes next begins anew
            computation.task.cancel()

    def _ended(self, computation: Computation, flight: asyncio.Task[None]) -> None:
        self._tasks.discard(flight)
        self._forget(computation)
        computation.end(flight)

    def _forget(self, computation: Computation) -> None:
        for name in computation.names:
            if self._in_flight.get(name, (None,))[0] is computation:
                del self._in_flight[name]

    def _learn(self, unit_s: float) -> None:
        self.unit_s += (unit_s - self.unit_s) / (16 if self.unit_s else 1)


async def _result(computation: Computation, keys: Sequence[str]) -> Units | Reply | None:
    """Its outcome; None where it may have failed of another's row."""
    try:
        return await computation.result()
    except Exception as error:
        if is_row_specific(error) and not set(keys).issuperset(computation.names):
            return None
        raise
