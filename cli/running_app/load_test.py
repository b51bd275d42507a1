"""Sends a request again and again: computed anew, and from the cache."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Literal

import httpx2

from cli.errors import UsageError
from cli.running_app.options import Rows

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
    caches: Counter[str] = field(default_factory=Counter)
    #: By HTTP status; 0 where no answer came.
    failures: Counter[int] = field(default_factory=Counter)
    #: Of a request that the app will never take: what it says.
    refusal: str = ""

    def percentile_ms(self, share: float) -> float | None:
        """None if nothing was answered."""
        ordered = sorted(self.latencies_s)
        at = min(int(share * len(ordered)), len(ordered) - 1)
        return ordered[at] * 1000 if ordered else None

    def document(self) -> dict[str, Any]:
        return {
            "requests": len(self.latencies_s),
            "requests_per_s": len(self.latencies_s) / self.seconds,
            "p50_ms": self.percentile_ms(0.5),
            "p90_ms": self.percentile_ms(0.9),
            "p99_ms": self.percentile_ms(0.99),
            "x_cache": dict(self.caches),
            "own_cpu": self.own_cpu_s / self.seconds,
            "failures": {str(status): count for status, count in self.failures.items()},
        }


async def measure(
    rows: Rows, url: str, key: str, seconds: int, connections: int
) -> dict[Way, Measurement]:
    """Both ways in turns. Raises UsageError if the app does not answer, or refuses the request."""
    measured: dict[Way, Measurement] = {"computed": Measurement(), "cached": Measurement()}
    headers = {"content-type": rows.content_type, "accept": "application/json"}
    if key:
        headers["x-functions-key"] = key
    async with httpx2.AsyncClient(base_url=url, headers=headers, timeout=60) as session:
        first = Measurement()
        await _send(session, rows, {}, first)  # so that there is something to hit
        if first.failures[0]:
            raise UsageError(f"the app does not answer at {url}: start it, or name it by --url")
        if first.refusal:
            raise UsageError(first.refusal)
        for _ in range(ROUNDS):
            for way, kept in measured.items():
                await _run(session, rows, way, kept, seconds / ROUNDS, connections)
    return measured


async def _run(
    session: httpx2.AsyncClient,
    rows: Rows,
    way: Way,
    kept: Measurement,
    seconds: float,
    connections: int,
) -> None:
    headers = {"cache-control": "no-cache"} if way == "computed" else {}
    start, used = time.perf_counter(), time.process_time()
    deadline = start + seconds

    async def send_until_the_end() -> None:
        while time.perf_counter() < deadline:
            await _send(session, rows, headers, kept)

    async with asyncio.TaskGroup() as senders:
        for _ in range(connections):
            senders.create_task(send_until_the_end())
    kept.seconds += time.perf_counter() - start
    kept.own_cpu_s += time.process_time() - used


async def _send(
    session: httpx2.AsyncClient, rows: Rows, headers: dict[str, str], kept: Measurement
) -> None:
    start = time.perf_counter()
    try:
        answer = await session.post("/api/score", content=rows.content, headers=headers)
    except httpx2.TransportError:
        kept.failures[0] += 1
        await asyncio.sleep(0.1)
        return
    if answer.status_code != 200:
        kept.failures[answer.status_code] += 1
        kept.refusal = kept.refusal or _refusal(answer)
        await asyncio.sleep(0.1)
        return
    kept.latencies_s.append(time.perf_counter() - start)
    kept.caches[answer.headers.get("x-cache", "none")] += 1


def _refusal(answer: httpx2.Response) -> str:
    """What the app says of a request that it will never take; empty if it may take it later."""
    if answer.status_code == 429 or not 300 <= answer.status_code < 500:
        return ""
    if answer.status_code == 401:
        return "the key is missing or wrong: give the app's key by --key"
    try:
        return str(answer.json()["error"]["message"])
    except (ValueError, LookupError, TypeError):
        place = answer.headers.get("location")
        return f"the app answers HTTP {answer.status_code}" + (f", see {place}" if place else "")
