"""Waits until every accepted input has a document, then checks the documents."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests.faults import stack
from tests.faults.ledger import Ledger
from tests.faults.outcome import Outcome
from tests.inbox import Inbox
from tests.running_app import App

#: Seconds in which every accepted input must have a document. A killed host's messages come back
#: after 5 s; another host takes over its scan of blobs after 30 s.
SETTLE_S = 90
#: Seconds without a new document after which no second document of an input is expected.
STILL_S = 4


Found = Mapping[str, list[dict[str, Any]]]


def forgive_none(_: Found) -> Sequence[str]:
    return ()


def settle(
    app: App,
    inbox: Inbox,
    ledger: Ledger,
    outcome: Outcome,
    forgiven: Callable[[Found], Sequence[str]] = forgive_none,
) -> float:
    """Put lost, repeated and wrong documents into `outcome`. Returns the seconds that it took.

    `forgiven` names inputs that the storage emulator may have lost or reported twice.
    """

    def all_ended() -> bool:
        found = inbox.by_input()
        return not set(ledger.missing(found)) - set(forgiven(found))

    began = time.monotonic()
    if not stack.within(all_ended, SETTLE_S):
        outcome.figure(f"left: {stack.left(app)}")
    took = time.monotonic() - began
    stack.at_rest(lambda: len(inbox), still_s=STILL_S, timeout_s=30)
    found = inbox.by_input()
    ledger.settle(found, outcome, forgiven=forgiven(found))
    return took
