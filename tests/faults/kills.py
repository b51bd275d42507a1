"""kill -9 of every process in turn, under load through all three triggers."""

from __future__ import annotations

import csv
import io
import os
import random
import signal
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from azure.core.exceptions import AzureError, ResourceExistsError
from azure.storage.blob import BlobServiceClient

from tests.faults import stack
from tests.faults.ledger import Input, Ledger, Rows
from tests.faults.outcome import Outcome, format_counts
from tests.faults.senders import Senders
from tests.faults.settling import Found, settle
from tests.inbox import Inbox
from tests.running_app import App
from tests.servers import ServerProcess

KILLS, QUICK = 60, 5
#: Seconds between two kills: a random time in this range.
PAUSE_S = (0.5, 3.0)
#: Azurite writes its index every five seconds. A kill loses the uploads of the last seconds, and
#: the host's receipts of that time: their blobs may be scored again. This is twice that time and
#: a margin.
AZURITE_SAVES_S = 12.0


@dataclass
class Kills:
    """What was killed, and when."""

    counts: dict[str, int] = field(default_factory=dict)
    #: When Azurite was killed: seconds since 1970.
    of_azurite: list[float] = field(default_factory=list)

    def young(self, inputs: Iterable[Input], found: Found) -> list[str]:
        """Blobs that Azurite may have lost, or whose receipts it may have lost."""
        return [
            each.name
            for each in inputs
            if each.name.startswith("blob-")
            and any(
                moment - 1 < kill < moment + AZURITE_SAVES_S
                for moment in (each.at, *map(_finished, found.get(each.name, ())))
                for kill in self.of_azurite
            )
        ]


def kills(outcome: Outcome, *, quick: bool, seed: int) -> None:
    """The case."""
    random_, count = random.Random(seed), QUICK if quick else KILLS
    ledger = Ledger()
    with stack.running(workers=2) as app:
        make_containers(app)
        with stack.inbox_of(app) as inbox:
            senders = Senders(app, ledger, Rows(seed), outcome)
            senders.start()
            done = _kill(app, random_, count, outcome)
            time.sleep(random_.uniform(*PAUSE_S))
            senders.stop()
            _settle(app, ledger, inbox, done, outcome)
    outcome.tried = f"{count} kills: " + ", ".join(f"{each} {n}" for each, n in done.counts.items())
    sent = ", ".join(f"{number:,} {kind}" for kind, number in sorted(senders.sent.items()))
    outcome.figure(sent)
    outcome.figure(f"HTTP {format_counts(senders.statuses)}, cut off by a kill {senders.broken}")


def make_containers(app: App) -> None:
    with BlobServiceClient.from_connection_string(app.azurite.connection_string) as storage:
        for name in ("scoring-input", "scoring-output"):
            try:
                storage.create_container(name)
            except ResourceExistsError:
                continue


def _kill(app: App, random_: random.Random, count: int, outcome: Outcome) -> Kills:
    done = Kills()
    ways: dict[str, Callable[[], None]] = {
        "worker": lambda: _kill_worker(app, random_),
        "parent": lambda: _kill_parent(app),
        "Redis": lambda: _kill_server(app.redis),
        "broker": lambda: _kill_server(app.servicebus),
        "Azurite": lambda: _kill_server(app.azurite),
    }
    order = list(ways) * (count // len(ways) + 1)
    random_.shuffle(order)
    if count <= len(ways):
        order = list(ways)
    for victim in order[:count]:
        time.sleep(random_.uniform(*PAUSE_S))
        if victim == "Azurite":
            done.of_azurite.append(time.time())
        ways[victim]()
        done.counts[victim] = done.counts.get(victim, 0) + 1
    return done


def _kill_worker(app: App, random_: random.Random) -> None:
    """Kill one of two workers. The other goes on, and the parent starts a new one."""
    victims = stack.children(app.host.process.pid)
    if victims:
        os.kill(random_.choice(victims), signal.SIGKILL)


def _kill_parent(app: App) -> None:
    """Kill the parent. The workers notice and end; then the host is started again."""
    orphans = stack.children(app.host.process.pid)
    app.host.process.kill()
    stack.within(lambda: not any(_lives(pid) for pid in orphans), 40)
    app.start_host()


def _kill_server(server: ServerProcess) -> None:
    server.kill()
    server.start()


def _finished(document: Mapping[str, Any]) -> float:
    return datetime.fromisoformat(document["finished_at"]).timestamp()


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _settle(app: App, ledger: Ledger, inbox: Inbox, done: Kills, outcome: Outcome) -> None:
    took = settle(app, inbox, ledger, outcome, lambda found: done.young(ledger.accepted, found))
    outcome.figure(f"all ended {took:.0f} s after the load")
    found = inbox.by_input()
    forgiven = done.young(ledger.accepted, found)
    for reason in stack.dead_letters(app):
        outcome.fault(reason, "dead letters")
    gone = len([name for name in forgiven if name not in found])
    twice = len([name for name in forgiven if len(found.get(name, ())) > 1])
    outcome.figure(f"Azurite took back {gone}, scored twice {twice}")
    _check_outputs(app, ledger, outcome)


def _check_outputs(app: App, ledger: Ledger, outcome: Outcome) -> None:
    """No scored blob is half-written: each one holds every row with its prediction."""
    blobs = {each.name: each for each in ledger.inputs if each.name.startswith("blob-")}
    with BlobServiceClient.from_connection_string(app.azurite.connection_string) as storage:
        container = storage.get_container_client("scoring-output")
        if not container.exists():
            outcome.fault(f"of {len(blobs)} blobs", "no output container")
            return
        for name in [blob.name for blob in container.list_blobs()]:
            if name not in blobs:
                continue
            try:
                text = container.download_blob(name).readall().decode()
            except AzureError as error:
                outcome.fault(f"{name}: {error}", "an output can't be read")
                continue
            read = [int(line[3]) for line in csv.reader(io.StringIO(text)) if len(line) > 3]
            if read != blobs[name].expected:
                outcome.fault(f"{name}: {text[:200]!r}", "half-written or wrong output")
