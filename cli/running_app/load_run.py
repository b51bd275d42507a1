"""Sends a request again and again: computed anew, and from the cache."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any, Literal

import httpx2

from cli.running_app.rows import Rows
from triscore_client import Client
from triscore_client.clients import http_options

ROUTE = "/api/score"
#: The header that has the app's own milliseconds.
IN_APP = "x-ms-run-fn-exec-ms"
#: Seconds for a request.
REQUEST_S = 60.0
#: Seconds after a failure, so that an app that is away is not asked all the time.
FAILURE_PAUSE_S = 0.1
#: Each way is measured this often, in turns, so that a noisy moment hits both.
ROUNDS = 2

Way = Literal["computed", "cached"]


@dataclass
class Measurement:
    """Requests that were answered, over some seconds. `caches`: answers by `x-cache`."""

    seconds: float = 0
    #: Of the processor, which this command used.
    own_cpu_s: float = 0
    latencies_s: list[float] = field(default_factory=list)
    #: Which the app spent on the answers by its own account, in queues too, without HTTP.
    in_app_ms: float = 0
    caches: Counter[str] = field(default_factory=Counter)
    #: By HTTP status; 0 where no answer came.
    failures: Counter[int] = field(default_factory=Counter)

    def percentile_ms(self, share: float) -> float | None:
        """None if nothing was answered."""
        ordered = sorted(self.latencies_s)
        at = min(int(share * len(ordered)), len(ordered) - 1)
        return ordered[at] * 1000 if ordered else None

    @property
    def mean_in_app_ms(self) -> float | None:
        """None if nothing was answered."""
        return self.in_app_ms / len(self.latencies_s) if self.latencies_s else None

    def document(self) -> dict[str, Any]:
        return {
            "requests": len(self.latencies_s),
            "requests_per_s": len(self.latencies_s) / self.seconds,
            "p50_ms": self.percentile_ms(0.5),
            "p90_ms": self.percentile_ms(0.9),
            "p99_ms": self.percentile_ms(0.99),
            "in_app_ms": self.mean_in_app_ms,
            "x_cache": dict(self.caches),
            "own_cpu": self.own_cpu_s / self.seconds,
            "failures": {str(status): count for status, count in self.failures.items()},
        }


def measure(
    rows: Rows, bodies: Sequence[bytes], url: str, key: str, seconds: int, connections: int
) -> dict[Way, Measurement]:
    """Send the bodies in turn, again from the first after the last, in both ways.

    Raises ClientError if the app does not answer, or refuses the first one.
    """
    headers = rows.headers | {"accept": "application/json"}
    with Client(url, key=key) as client:
        client.request("POST", ROUTE, headers, bodies[0])
    options = http_options(url, key)
    options["headers"] |= headers
    # By default fewer would be open at a time, and fewer still be kept for the next request.
    options["limits"] = httpx2.Limits(
        max_connections=connections, max_keepalive_connections=connections
    )
    return asyncio.run(_measure(options, cycle(bodies), seconds, connections))


async def _measure(
    options: dict[str, Any], bodies: Iterator[bytes], seconds: int, connections: int
) -> dict[Way, Measurement]:
    measured: dict[Way, Measurement] = {"computed": Measurement(), "cached": Measurement()}
    async with httpx2.AsyncClient(**options, timeout=REQUEST_S) as session:
        for _ in range(ROUNDS):
            for way, kept in measured.items():
                headers = {"cache-control": "no-cache"} if way == "computed" else {}
                start, used = time.perf_counter(), time.process_time()
                deadline = start + seconds / ROUNDS
                async with asyncio.TaskGroup() as senders:
                    for _ in range(connections):
                        senders.create_task(_send_until(deadline, session, bodies, headers, kept))
                kept.seconds += time.perf_counter() - start
                kept.own_cpu_s += time.process_time() - used
    return measured


async def _send_until(
    deadline: float,
    session: httpx2.AsyncClient,
    bodies: Iterator[bytes],
    headers: dict[str, str],
    kept: Measurement,
) -> None:
    while (start := time.perf_counter()) < deadline:
        try:
            answer = await session.post(ROUTE, content=next(bodies), headers=headers)
            status = answer.status_code
        except httpx2.TransportError:
            status = 0
        if status == 200:
            latency_s = time.perf_counter() - start
            kept.latencies_s.append(latency_s)
            kept.in_app_ms += float(answer.headers.get(IN_APP, latency_s * 1000))
            kept.caches[answer.headers.get("x-cache", "none")] += 1
        else:
            kept.failures[status] += 1
            await asyncio.sleep(FAILURE_PAUSE_S)
