"""A virtual clock, and a model that the test controls."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import numpy as np

from cache.memory_cache import MemoryCache
from inference.errors import ScoringTimeout, ScriptFailed
from inference.scripts.array_rows import ArrayRows
from inference.scripts.question import Reply
from inference.serving.computation import ComputeOptions, Units
from inference.serving.deadlines import Deadlines, Wait
from inference.serving.model_caller import ModelCaller
from inference.serving.request_deadline import RequestDeadline
from inference.serving.single_flight import SingleFlight

TIMEOUT_S = 60.0
#: The model refuses questions with this row.
BAD = 13


class VirtualLoop(asyncio.SelectorEventLoop):
    """Its clock jumps to the next timer as soon as nothing is ready."""

    now = 0.0

    def time(self) -> float:
        return self.now

    def _run_once(self) -> None:
        if not self._ready:  # type: ignore[attr-defined]
            timers = [each.when() for each in self._scheduled if not each.cancelled()]  # type: ignore[attr-defined]
            if timers:
                self.now = max(self.now, min(timers))
        super()._run_once()  # type: ignore[misc]


def run[T](work: Coroutine[Any, Any, T]) -> T:
    """Run `work` on a virtual clock."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work)


class Model:
    """A script and its model thread in one: doubles each row, or does what the test says."""

    library_only = False
    timeout_s = TIMEOUT_S

    def __init__(self) -> None:
        #: The rows of each call, in the order in which they began.
        self.calls: list[list[int]] = []
        #: Seconds that a call takes; one that takes longer than its deadline hangs.
        self.takes_s = 1.0
        self.refuse: Callable[[list[int]], BaseException | None] = _bad
        #: If a test ends each call itself: the running ones.
        self.running: list[asyncio.Future[None]] | None = None

    def require_room(self, waiting: int) -> None: ...

    def run_rows(self, question: ArrayRows) -> list[bytes]:
        values = [int(value) for value in question.values[:, 0]]
        if error := self.refuse(values):
            raise error
        return [b"%d" % (2 * value) for value in values]

    async def run(self, call: Any, *, rows: int, waits: Sequence[Wait] = ()) -> Any:
        for wait in waits:
            wait.begun = True
        question = call.args[1].args[0]
        self.calls.append([int(value) for value in question.values[:, 0]])
        if self.running is not None:
            self.running.append(asyncio.get_running_loop().create_future())
            await self.running[-1]
        elif self.takes_s > self.timeout_s:
            await asyncio.sleep(self.timeout_s)
            raise ScoringTimeout("it hangs")
        else:
            await asyncio.sleep(self.takes_s)
        return call()


def _bad(values: list[int]) -> BaseException | None:
    return ScriptFailed("ValueError") if BAD in values else None


class Core:
    """Single flight and batching over such a model, called as the scorer calls them."""

    def __init__(self, model: Model, cache: Any = None) -> None:
        self.loop = asyncio.get_running_loop()
        self.model = model
        self.cache = cache or MemoryCache(clock=self.loop.time)
        self.deadlines = Deadlines(clock=self.loop.time)
        self.caller = ModelCaller(
            model,  # type: ignore[arg-type]
            thread=model,  # type: ignore[arg-type]
            load=self._load,
        )
        self.single_flight = SingleFlight(self.caller, cache=self.cache, ttl_s=100)

    async def _load(self) -> None: ...

    async def ask(
        self, *values: int, within_s: float = TIMEOUT_S, lease: bool = False
    ) -> list[int]:
        """The doubled values. Raises ScoringError, in `within_s` seconds at the latest."""
        question = ArrayRows(np.array([[value] for value in values], dtype=np.float64))
        keys = [str(value) for value in values]
        deadline = self.loop.time() + within_s
        with RequestDeadline(
            self.deadlines, "id", deadline, lambda wait: wait.timeout_error(within_s)
        ) as wait:
            options = ComputeOptions(far=False, lease=lease)
            found = [None] * len(keys)
            outcome, _ = await self.single_flight.compute(question, keys, found, options, wait)
            return _numbers(outcome)

    def begin(self, *values: int, **more: Any) -> asyncio.Task[list[int]]:
        return self.loop.create_task(self.ask(*values, **more))

    def is_at_rest(self) -> bool:
        """Whether nothing is in flight, queued, predicted or waited for."""
        single_flight, batcher = self.single_flight, self.caller._batcher
        left = (
            single_flight._in_flight,
            single_flight._in_flight._tasks,
            batcher._queue,
            batcher._batch,
        )
        return not any(left) and batcher._task is None and not self.deadlines._tasks


def _numbers(outcome: Units | Reply) -> list[int]:
    assert isinstance(outcome, list)
    return [int(each) for each in outcome]


async def turns(count: int = 10) -> None:
    """Run what is ready, without time passing."""
    for _ in range(count):
        await asyncio.sleep(0)
