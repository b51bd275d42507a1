"""What was accepted is waited for, then compared with what came."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests.app.conftest import App
from tests.faults import stack
from tests.faults.inbox import Inbox
from tests.faults.ledger import Ledger
from tests.faults.outcome import Outcome

#: Seconds in which all that was accepted must have ended. A killed host's messages come back
#: after 5 s, its scan of blobs is taken over after 30.
SETTLE_S = 90
#: Seconds without a new document after which a second one of any input would have come.
STILL_S = 4


Found = Mapping[str, list[dict[str, Any]]]


def nobody(_: Found) -> Sequence[str]:
    return ()


def settle(
    app: App,
    inbox: Inbox,
    ledger: Ledger,
    outcome: Outcome,
    forgiven: Callable[[Found], Sequence[str]] = nobody,
) -> float:
    """Put into `outcome` what is lost, told twice or wrong; the seconds until all had ended.

    `forgiven`: of what was found, the inputs that the storage emulator may have forgotten or had
    scored twice.
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
