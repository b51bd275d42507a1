"""What was accepted is waited for, then compared with what came."""

from __future__ import annotations

import time
from collections.abc import Sequence

from tests.faults import stack
from tests.faults.inbox import Inbox
from tests.faults.ledger import Ledger
from tests.faults.outcome import Outcome

#: Seconds in which all that was accepted must have ended. A killed host's messages come back
#: after 5 s, its scan of blobs is taken over after 30.
SETTLE_S = 90
#: Seconds without a new document after which a second one of any input would have come.
STILL_S = 4


def settle(
    inbox: Inbox, ledger: Ledger, outcome: Outcome, *, forgiven: Sequence[str] = ()
) -> float:
    """Put into `outcome` what is lost, told twice or wrong; the seconds until all had ended.

    `forgiven`: inputs that the storage emulator may have forgotten or had scored twice.
    """
    began = time.monotonic()
    stack.within(lambda: not set(ledger.missing(inbox.by_input())) - set(forgiven), SETTLE_S)
    took = time.monotonic() - began
    stack.at_rest(lambda: len(inbox), still_s=STILL_S, timeout_s=30)
    ledger.settle(inbox.by_input(), outcome, forgiven=forgiven)
    return took
