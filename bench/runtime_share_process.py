"""The process of `bench.runtime_share`: it has one core, as a worker has.

`python -m bench.runtime_share_process ROUNDS` prints microseconds by the names of
bench.runtime_share. The host invokes the app as it does for its HTTP listener.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import azure_functions_runtime as library
import uvloop
from azure_functions_runtime import handle_event

from bench import bodies, in_process
from bench.models import rows
from bench.runtime_share import PARTS
from inference.scripts.estimator_script import EstimatorScript

REQUESTS, WARM_UP = 2_000, 300


class Timer:
    """Sums the processor time of nested calls. Each of PARTS has one, which includes the next."""

    def __init__(self) -> None:
        self._spent = [0] * len(PARTS)

    def async_call[**P, T](
        self, part: int, call: Callable[P, Awaitable[T]]
    ) -> Callable[P, Awaitable[T]]:
        async def timed(*args: P.args, **kwargs: P.kwargs) -> T:
            began = time.thread_time_ns()
            try:
                return await call(*args, **kwargs)
            finally:
                self._spent[part] += time.thread_time_ns() - began

        return timed

    def call[**P, T](self, part: int, call: Callable[P, T]) -> Callable[P, T]:
        def timed(*args: P.args, **kwargs: P.kwargs) -> T:
            began = time.thread_time_ns()
            try:
                return call(*args, **kwargs)
            finally:
                self._spent[part] += time.thread_time_ns() - began

        return timed

    def take(self) -> list[float]:
        """Microseconds of each part without those within it, since the last call."""
        outer, self._spent = self._spent, [0] * len(PARTS)
        return [(ns - inner) / 1000 for ns, inner in zip(outer, [*outer[1:], 0], strict=True)]


async def main(rounds: int) -> dict[str, list[float]]:
    timer, app = Timer(), await in_process.start()
    library.invocation_request = timer.async_call(1, library.invocation_request)
    handle_event.execute_async = timer.async_call(2, handle_event.execute_async)
    script: Any = EstimatorScript
    script.run_rows = timer.call(3, script.run_rows)
    call = timer.async_call(0, app)
    dialect = bodies.data_at("/api/score")
    asked = [dialect.write(bodies.plain(row.reshape(1, -1))).encode() for row in rows(500, seed=3)]
    costs: dict[str, list[float]] = {name: [] for name in PARTS}
    for number in range(rounds + 1):
        found = []
        for at in range(REQUESTS if number else WARM_UP):
            await asyncio.create_task(in_process.ask(call, asked[at % len(asked)]))
            found.append(timer.take())
        if number:
            for name, values in zip(PARTS, zip(*found, strict=True), strict=True):
                costs[name].append(statistics.median(values))
    return costs


if __name__ == "__main__":
    print(json.dumps(uvloop.run(main(int(sys.argv[1])))))
