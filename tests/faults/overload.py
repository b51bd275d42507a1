"""Four times as many requests as the model can answer, for a minute."""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import orjson

from tests.faults import slow_model, stack
from tests.faults.connection import Pool, Unanswered, post
from tests.faults.ledger import Rows
from tests.faults.outcome import Outcome, format_counts
from tests.running_app import App

DEADLINE_S = 2.0
#: How late an answer may be, as a multiple of the deadline.
GRACE = 1.1
#: The least share of the saturated rate that must be answered in time.
GOODPUT = 0.9
GROWTH = 1.05
TIMES = 4
FULL_S = 60
#: Enough to keep the model busy, too few for anything to be refused.
CONNECTIONS = 32


@dataclass
class Run:
    """The answers to one stretch of load."""

    statuses: Counter[int] = field(default_factory=Counter)
    #: Seconds from when a request was due to its answer, a refusal included.
    seconds: list[float] = field(default_factory=list)
    #: Answers 200 within their deadline and before the load ended. Requests that still wait at
    #: its end do not count for the rate.
    good: int = 0
    until: float = math.inf
    took_s: float = 0.0

    @property
    def goodput(self) -> float:
        return self.good / self.took_s


def overload(outcome: Outcome, *, quick: bool, seed: int) -> None:
    """The case."""
    seconds = 5 if quick else FULL_S
    rows = Rows(seed)
    with stack.running(make_model=slow_model.save, SCORING_TIMEOUT_S=f"{DEADLINE_S:g}") as app:
        asyncio.run(_measure(app, outcome, rows, seconds))


async def _measure(app: App, outcome: Outcome, rows: Rows, seconds: int) -> None:
    pool = Pool(stack.address(app))
    await _saturate(pool, rows, 2, outcome)  # warm
    saturated = await _saturate(pool, rows, max(3, seconds // 6), outcome)
    rate = TIMES * saturated.goodput
    # The first seconds open connections and fill the queue. After that no memory may grow.
    await _flood(pool, rows, rate, 2 if seconds < 10 else 10, outcome)
    before = most = stack.resident(app.host.process.pid)
    flood = asyncio.create_task(_flood(pool, rows, rate, seconds, outcome))
    while not flood.done():
        await asyncio.wait([flood], timeout=0.5)
        most = max(most, stack.resident(app.host.process.pid))
    run = flood.result()
    pool.close()

    outcome.tried = f"{len(run.seconds):,} requests in {seconds} s, {rate:.0f}/s"
    slowest = max(run.seconds)
    outcome.figure(f"saturated {saturated.goodput:.0f}/s, goodput {run.goodput:.0f}/s")
    outcome.figure(f"ratio {run.goodput / saturated.goodput:.2f}")
    outcome.figure(f"p50 {np.median(run.seconds):.2f} s, slowest {slowest:.2f} s")
    outcome.figure(f"memory {before >> 20} to {most >> 20} MiB")
    outcome.figure(format_counts(run.statuses))
    outcome.require(run.good > 0, "nothing was answered in time")
    if (
        seconds < FULL_S
    ):  # five seconds are too few for a rate; they show that it is answered at all
        return
    enough = run.goodput >= GOODPUT * saturated.goodput
    outcome.require(enough, f"goodput below {GOODPUT:g} of the saturated rate")
    outcome.require(slowest <= DEADLINE_S * GRACE, f"an answer after {slowest:.2f} s")
    outcome.require(most <= before * GROWTH, "memory grew by more than 5 %")


async def _saturate(pool: Pool, rows: Rows, seconds: float, outcome: Outcome) -> Run:
    """Send just as many requests at once as keep the model busy."""
    began = time.monotonic()
    run = Run(until=began + seconds, took_s=seconds)

    async def client() -> None:
        while time.monotonic() < run.until:
            await _ask(pool, rows, time.monotonic(), run, outcome)

    await asyncio.gather(*(client() for _ in range(CONNECTIONS)))
    return run


async def _flood(pool: Pool, rows: Rows, rate: float, seconds: float, outcome: Outcome) -> Run:
    """Send requests at a fixed rate, without waiting for answers."""
    began = time.monotonic()
    run = Run(until=began + seconds, took_s=seconds)
    asked = set[asyncio.Task[None]]()
    for number in range(int(rate * seconds)):
        due = began + number / rate
        if (ahead := due - time.monotonic()) > 0:
            await asyncio.sleep(ahead)
        task = asyncio.create_task(_ask(pool, rows, due, run, outcome))
        asked.add(task)
        task.add_done_callback(asked.discard)
    if asked:
        await asyncio.wait(asked)
    return run


async def _ask(pool: Pool, rows: Rows, due: float, run: Run, outcome: Outcome) -> None:
    row, expected = rows.take()
    try:
        reply = await pool.ask(post(orjson.dumps(row)), timeout_s=30)
    except (Unanswered, OSError) as error:
        outcome.lose(str(error), "unanswered")
        return
    seconds = time.monotonic() - due
    run.seconds.append(seconds)
    run.statuses[reply.status] += 1
    if reply.status == 200:
        run.good += seconds <= DEADLINE_S and due + seconds <= run.until
        if orjson.loads(reply.body) != expected:
            outcome.fault(f"{row}: {reply.body[:80]!r}", "wrong prediction")
    elif reply.status in (429, 503):
        if "retry-after" not in reply.headers:
            outcome.fault(f"{reply.status} {reply.body[:80]!r}", "a refusal without Retry-After")
    elif reply.status != 504:
        outcome.fault(f"{reply.status} {reply.body[:80]!r}", "undocumented")
