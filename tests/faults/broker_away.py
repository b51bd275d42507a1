"""A broker that is away: hanging, with its port closed, and with an output queue that is disabled.

A blob has five attempts, and a message ten deliveries. The outages last longer than the platform
takes to use them up.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from azure.servicebus import ServiceBusClient, ServiceBusMessage
from azure.servicebus.management import EntityStatus

from deploy.connections import service_bus_administration
from tests.faults import stack
from tests.faults.connection import Pool, Unanswered, post
from tests.faults.kills import make_containers
from tests.faults.ledger import Ledger, Rows
from tests.faults.outcome import Outcome, format_counts
from tests.faults.senders import Senders
from tests.faults.settling import settle
from tests.running_app import App

#: Seconds. Five attempts of the platform to send one output take 50.
HANGING_S, CLOSED_S, DISABLED_S = 30.0, 90.0, 20.0
QUICK_S = 2.0
CLIENTS = 8
DEADLINE_S = 5.0
GRACE = 1.1
MESSAGES = 300
REFUSED = frozenset({503, 504})
#: Seconds after which a request counts as unanswered.
PATIENCE_S = 30.0


@dataclass
class Asked:
    statuses: Counter[str] = field(default_factory=Counter)
    slowest: dict[bool, float] = field(default_factory=lambda: {False: 0.0, True: 0.0})


def broker_away(outcome: Outcome, *, quick: bool, seed: int) -> None:
    """The case."""
    rows, asked, delivered = Rows(seed), Asked(), 0
    with stack.running(SCORING_TIMEOUT_S=f"{DEADLINE_S:g}") as app:
        make_containers(app)
        ways: dict[Callable[[App], AbstractContextManager[None]], float] = {
            _hanging: HANGING_S,
            _closed: CLOSED_S,
            _disabled: DISABLED_S,
        }
        for away, longest in ways.items():
            seconds = QUICK_S if quick else longest
            ledger = Ledger()
            with stack.inbox_of(app) as inbox:
                senders = Senders(app, ledger, rows, outcome, http=False)
                senders.start()
                _fill(app, ledger, rows)
                with ThreadPoolExecutor(1) as thread:
                    asking = thread.submit(
                        asyncio.run, _ask(app, rows, ledger, asked, seconds, outcome)
                    )
                    # The outage ends on time, even if callers still wait for an answer.
                    with away(app):
                        time.sleep(seconds)
                    asking.result()
                senders.stop()
                took = settle(app, inbox, ledger, outcome)
                outcome.figure(f"all ended {took:.0f} s after it came back")
                delivered += len(inbox)
    outcome.tried = f"{len(ways)} outages, {delivered:,} documents"
    outcome.figure(format_counts(asked.statuses))
    slowest, later = asked.slowest[False], asked.slowest[True]
    outcome.figure(f"slowest {slowest:.2f} s, respond-async {later:.1f} s")


@contextlib.contextmanager
def _hanging(app: App) -> Iterator[None]:
    app.servicebus.pause()
    try:
        yield
    finally:
        app.servicebus.resume()


@contextlib.contextmanager
def _closed(app: App) -> Iterator[None]:
    app.servicebus.stop()
    try:
        yield
    finally:
        app.servicebus.start()


@contextlib.contextmanager
def _disabled(app: App) -> Iterator[None]:
    """The output queue takes no messages."""
    _set_status(app, EntityStatus.SEND_DISABLED)
    try:
        yield
    finally:
        _set_status(app, EntityStatus.ACTIVE)


def _set_status(app: App, status: EntityStatus) -> None:
    bus = {"Bus": app.servicebus.connection_string}
    with service_bus_administration(bus, "Bus") as admin:
        properties = admin.get_queue("scoring-results")
        properties.status = status
        admin.update_queue(properties)


def _fill(app: App, ledger: Ledger, rows: Rows) -> None:
    """Send messages that wait in the queue when the outage begins."""
    messages = []
    for _ in range(MESSAGES):
        row, expected = rows.take()
        name = f"waiting-{uuid.uuid4().hex}"
        messages.append(ServiceBusMessage(json.dumps(row), message_id=name))
        ledger.enter(name, expected, accepted=True)
    with (
        ServiceBusClient.from_connection_string(app.servicebus.connection_string) as client,
        client.get_queue_sender("scoring-requests") as sender,
    ):
        sender.send_messages(messages)


async def _ask(
    app: App, rows: Rows, ledger: Ledger, asked: Asked, seconds: float, outcome: Outcome
) -> None:
    pool, until = Pool(stack.address(app)), time.monotonic() + seconds

    async def client(number: int) -> None:
        while time.monotonic() < until:
            await _ask_once(pool, rows, ledger, asked, outcome, later=number == 0)
            await asyncio.sleep(0.01)

    await asyncio.gather(*map(client, range(CLIENTS)))
    pool.close()


async def _ask_once(
    pool: Pool, rows: Rows, ledger: Ledger, asked: Asked, outcome: Outcome, *, later: bool
) -> None:
    row, expected = rows.take()
    name, kind = f"later-{uuid.uuid4().hex}", "respond-async " if later else ""
    headers = {"prefer": "respond-async", "x-request-id": name} if later else {}
    if later:  # without an answer it may have been enqueued or not
        ledger.enter(name, expected, accepted=False)
    began = time.monotonic()
    try:
        reply = await pool.ask(
            post(json.dumps(row).encode(), headers=headers), timeout_s=PATIENCE_S
        )
    except (Unanswered, OSError) as error:
        outcome.lose(f"{kind}{row}: {error}", "unanswered")
        return
    took = time.monotonic() - began
    asked.slowest[later] = max(asked.slowest[later], took)
    asked.statuses[f"{kind}{reply.status}"] += 1
    if later and reply.status in {202} | REFUSED:
        ledger.enter(name, expected, accepted=reply.status == 202)
    elif reply.status != 200:
        outcome.fault(f"{kind}{reply.status} {reply.body[:100]!r}", f"answered {reply.status}")
    elif json.loads(reply.body) != expected:
        outcome.fault(f"{row}: {reply.body[:80]!r}", "wrong prediction")
    if took > DEADLINE_S * GRACE:
        outcome.fault(f"{took:.1f} s, the deadline is {DEADLINE_S:g}", "an answer is late")
