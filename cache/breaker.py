"""Stops asking a server that does not answer."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

log = logging.getLogger(__name__)

#: One failure is weather, five in a row are an outage.
FAILURES = 5
#: Seconds between two probes of a server that is away.
PAUSE_S = 1.0


class CircuitBreaker:
    """Closed it lets every call pass; open, one in `pause_s`: the probe.

    It opens after `failures` failures in a row and closes at the first success. A probe whose
    caller goes away without an outcome costs a pause and nothing else.
    """

    def __init__(
        self,
        name: str,
        *,
        failures: int = FAILURES,
        pause_s: float = PAUSE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._limit = failures
        self._pause_s = pause_s
        self._clock = clock
        self._failures = 0
        self._next_probe = 0.0

    def __repr__(self) -> str:
        state = "open" if self.is_open else "closed"
        return f"<CircuitBreaker {self._name} {state}, {self._failures} failures in a row>"

    @property
    def is_open(self) -> bool:
        return self._failures >= self._limit

    @property
    def last_call_succeeded(self) -> bool:
        """Whether the last call that ended was answered."""
        return self._failures == 0

    def allows_call(self) -> bool:
        """Whether a call may pass now. An open breaker's yes is the only one for a pause."""
        if not self.is_open:
            return True
        if self._clock() < self._next_probe:
            return False
        self._next_probe = self._clock() + self._pause_s
        return True

    def record_success(self) -> None:
        if self.is_open:
            log.info("%s answers again", self._name)
        self._failures = 0

    def record_failure(self, why: object) -> None:
        """Count a failure; `why` goes to the log when it opens the breaker."""
        self._failures += 1
        self._next_probe = self._clock() + self._pause_s
        if self._failures == self._limit:
            log.warning(
                "%s failed %d times in a row (%s); it is asked once in %s s until it answers",
                *(self._name, self._limit, why, self._pause_s),
            )
