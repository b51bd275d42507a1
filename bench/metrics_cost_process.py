"""The process of `bench.metrics_cost`: it has one core, as a worker has.

`python -m bench.metrics_cost_process ROUNDS` prints microseconds by the names of
bench.metrics_cost.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from unittest import mock

import uvloop

from bench import in_process
from bench.bodies import GAP, data_at
from bench.metrics_cost import KINDS, counted, uncounted
from bench.workloads import Kind, bodies_of
from inference.counters.counts import LookupCounts
from inference.counters.histogram import Histogram
from inference.counters.request_counts import RequestCounts
from inference.counters.slots import Counter
from local.host.http_listener.asgi_app import AsgiApp

#: Everything that counts while a request is answered.
COUNTING = {
    RequestCounts: ("record", "record_age"),
    LookupCounts: ("record", "skip"),
    Histogram: ("observe",),
    Counter: ("add",),
}
#: Requests are made in blocks, in turn with and without metrics. The first of a block do not count:
#: the interpreter adapts its code to what it calls.
BLOCKS, BLOCK, ADAPTING = 4, 2_000, 500


@contextmanager
def without_metrics() -> Iterator[None]:
    """A block in which nothing is counted."""
    with ExitStack() as replaced:
        for counting, methods in COUNTING.items():
            for method in methods:
                replaced.enter_context(mock.patch.object(counting, method, _nothing))
        yield


def _nothing(*_: object) -> None:
    pass


async def main(rounds: int) -> dict[str, list[float]]:
    app = await in_process.start()
    asked = {kind: _bodies(kind) for kind in KINDS}
    costs: dict[str, list[float]] = {}
    for number in range(rounds + 1):
        for kind in KINDS:
            with_metrics, without = await _in_turn(app, asked[kind])
            if number:
                costs.setdefault(counted(kind), []).append(with_metrics)
                costs.setdefault(uncounted(kind), []).append(without)
    return costs


def _bodies(kind: Kind) -> Iterator[bytes]:
    """One body a request, for ever."""
    templates = bodies_of(kind, data_at("/api/score"))
    for number in count():
        template = templates[number % len(templates)]
        yield template.replace(GAP, f"{number:0{len(GAP)}}").encode()


async def _in_turn(app: AsgiApp, asked: Iterator[bytes]) -> tuple[float, float]:
    """Median microseconds of a request with and without metrics."""
    found: tuple[list[int], list[int]] = [], []
    for _ in range(BLOCKS):
        found[0].extend(await _block(app, asked))
        with without_metrics():
            found[1].extend(await _block(app, asked))
    return statistics.median(found[0]) / 1000, statistics.median(found[1]) / 1000


async def _block(app: AsgiApp, asked: Iterator[bytes]) -> list[int]:
    times = []
    for _ in range(BLOCK):
        body = next(asked)
        began = time.perf_counter_ns()
        await asyncio.create_task(in_process.ask(app, body))
        times.append(time.perf_counter_ns() - began)
    return times[ADAPTING:]


if __name__ == "__main__":
    print(json.dumps(uvloop.run(main(int(sys.argv[1])))))
