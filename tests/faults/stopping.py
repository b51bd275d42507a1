"""SIGTERM under load: every request is answered, or its connection is closed before it is sent."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field

from tests.faults import stack
from tests.faults.connection import ClosedBefore, Connection, Unanswered, post
from tests.faults.kills import make_containers
from tests.faults.ledger import Ledger, Rows
from tests.faults.outcome import Outcome, format_counts
from tests.faults.senders import Senders
from tests.faults.settling import settle
from tests.running_app import App

STOPS, QUICK = 12, 2
CLIENTS = 24
#: Seconds of load before the signal, and the most that a stop may take.
LOAD_S = 1.5
STOP_S = 40
#: After this many requests a client opens a new connection.
REQUESTS_A_CONNECTION = 40


@dataclass
class Seen:
    """What clients with raw sockets saw of the host that stopped."""

    answers: Counter[int] = field(default_factory=Counter)
    closed_before: int = 0
    refused: int = 0


def stopping(outcome: Outcome, *, quick: bool, seed: int) -> None:
    """The case."""
    stops = QUICK if quick else STOPS
    rows, seen = Rows(seed), Seen()
    slowest = 0.0
    for workers in (1, 2):
        ledger = Ledger()
        with stack.running(workers=workers) as app:
            make_containers(app)
            with stack.inbox_of(app) as inbox:
                for _ in range(stops // 2):
                    slowest = max(slowest, _stop_under_load(app, ledger, rows, seen, outcome))
                settle(app, inbox, ledger, outcome)
    outcome.tried = f"{stops} SIGTERMs, {seen.answers.total():,} requests by {CLIENTS} clients"
    outcome.figure(format_counts(seen.answers))
    outcome.figure(f"closed before sending {seen.closed_before}, refused {seen.refused}")
    outcome.figure(f"slowest stop {slowest:.1f} s")


def _stop_under_load(app: App, ledger: Ledger, rows: Rows, seen: Seen, outcome: Outcome) -> float:
    """Stop the host and start it again. Returns the seconds that the stop took."""
    senders = Senders(app, ledger, rows, outcome, http=False)
    senders.start()
    took = asyncio.run(_signal(app, ledger, rows, seen, outcome))
    app.start_host()
    senders.stop()
    return took


async def _signal(app: App, ledger: Ledger, rows: Rows, seen: Seen, outcome: Outcome) -> float:
    clients = [
        asyncio.create_task(_client(app, ledger, rows, seen, outcome, later=number % 4 == 0))
        for number in range(CLIENTS)
    ]
    await asyncio.sleep(LOAD_S)
    began = time.monotonic()
    code = await asyncio.to_thread(app.host.stop)
    took = time.monotonic() - began
    await asyncio.gather(*clients)
    outcome.require(code == 0, f"the host ended with {code}")
    outcome.require(took < STOP_S, f"the host took more than {STOP_S} s to stop")
    return took


async def _client(
    app: App, ledger: Ledger, rows: Rows, seen: Seen, outcome: Outcome, *, later: bool
) -> None:
    """Send one request after the other until the port is closed."""
    while True:
        try:
            connection = await Connection.to(stack.address(app))
        except OSError:
            seen.refused += 1
            return
        asked = 0
        try:
            while connection.is_open and asked < REQUESTS_A_CONNECTION:
                asked += 1
                await _ask(connection, ledger, rows, seen, outcome, later=later)
        except ClosedBefore:
            seen.closed_before += 1
        except Unanswered as error:
            outcome.lose(f"request {asked} of its connection", f"{error.how} once it was sent")
        finally:
            connection.close()


async def _ask(
    connection: Connection, ledger: Ledger, rows: Rows, seen: Seen, outcome: Outcome, *, later: bool
) -> None:
    row, expected = rows.take()
    name = uuid.uuid4().hex
    headers = {"x-request-id": name} | ({"prefer": "respond-async"} if later else {})
    if later:  # without an answer it may have been enqueued or not
        ledger.enter(name, expected, accepted=False)
    reply = await connection.ask(post(json.dumps(row).encode(), headers=headers))
    seen.answers[reply.status] += 1
    if reply.status == 202:
        ledger.enter(name, expected, accepted=True)
    elif reply.status == 200:
        if json.loads(reply.body) != expected:
            outcome.fault(f"{row}: {reply.body[:80]!r}", "wrong prediction")
    elif reply.status != 503:
        outcome.fault(f"{reply.status} {reply.body[:100]!r}", f"answered {reply.status}")
