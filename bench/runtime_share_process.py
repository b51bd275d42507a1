"""The process of `bench.runtime_share`: it has one core, as a worker has.

`python -m bench.runtime_share_process ROUNDS` prints microseconds by the names of
bench.runtime_share. The host invokes the app as it does for its HTTP listener.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import azure_functions_runtime as library
import uvloop
from azure_functions_runtime import handle_event

from bench import bodies
from bench.errors import BenchError
from bench.models import rows
from bench.places import ROOT
from bench.runtime_share import PARTS
from inference.scripts.estimator_script import EstimatorScript
from local.host.app.connections import Connections
from local.host.app.inputs import Inputs
from local.host.app.invoker import Invoker
from local.host.app.outputs import Outputs
from local.host.app.runtime import Runtime
from local.host.http_listener.asgi_app import AsgiApp, Scope
from local.host.http_listener.keys import Keys
from local.host.http_listener.routes import Routes

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
    timer, app = Timer(), await _app()
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
            await asyncio.create_task(_ask(call, asked[at % len(asked)]))
            found.append(timer.take())
        if number:
            for name, values in zip(PARTS, zip(*found, strict=True), strict=True):
                costs[name].append(statistics.median(values))
    return costs


async def _app() -> AsgiApp:
    runtime = await Runtime.load(ROOT, os.environ, timeout_s=None)
    connections = Connections(os.environ)
    invoker = Invoker(runtime, Inputs(connections), Outputs(connections))
    routes = Routes(runtime.functions, prefix="api")
    return AsgiApp(invoker, routes, {}, keys=Keys(), max_outstanding=None)


async def _ask(call: Callable[..., Awaitable[None]], body: bytes) -> None:
    """Raises BenchError for an answer that is an error."""
    length = str(len(body)).encode()
    headers = [(b"host", b"bench"), (b"content-type", b"application/json")]
    scope: Scope = {
        "method": "POST",
        "path": "/api/score",
        "raw_path": b"/api/score",
        "query_string": b"",
        "headers": [*headers, (b"content-length", length)],
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(event: Any) -> None:
        if event.get("status", 200) != 200:
            raise BenchError(f"answered {event['status']}")

    await call(scope, receive, send)


if __name__ == "__main__":
    print(json.dumps(uvloop.run(main(int(sys.argv[1])))))
