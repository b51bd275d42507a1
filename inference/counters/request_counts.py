"""Requests by trigger and status, and how long they took."""

from __future__ import annotations

import time
from collections.abc import Iterator

from inference.counters.histogram import Histogram, of_seconds
from inference.counters.slots import Slots, counters

#: Routes of the HTTP trigger that are counted. `v2` is the Open Inference Protocol.
ROUTES = ("score", "v2")
#: The triggers whose inputs waited somewhere, and what a blob or a message ends in.
QUEUED = ("blob", "servicebus")
OUTCOMES = ("succeeded", "failed", "returned")

#: The statuses of HTTP. A script may return any of them.
FIRST_STATUS, LAST_STATUS = 100, 599

#: Seconds of a request: from a hit in the response cache to a blob of gigabytes.
REQUEST_SECONDS = (
    *(0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5),
    *(1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0),
)
#: Seconds that a blob or a message waited before it was scored.
QUEUE_SECONDS = (
    *(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
    *(60.0, 300.0, 1800.0, 7200.0, 86_400.0),
)


class RequestCounts:
    """A series for each status, and a histogram for each class of statuses: `2xx` of HTTP."""

    def __init__(self, slots: Slots) -> None:
        #: By status, from FIRST_STATUS to LAST_STATUS.
        self._statuses = {route: slots.take(LAST_STATUS - FIRST_STATUS + 1) for route in ROUTES}
        self._outcomes = {trigger: counters(OUTCOMES, slots) for trigger in QUEUED}
        #: By the first digit of the status, less one.
        self._http_seconds = [of_seconds(REQUEST_SECONDS, slots) for _ in range(5)]
        self._seconds = {
            trigger: {outcome: of_seconds(REQUEST_SECONDS, slots) for outcome in OUTCOMES}
            for trigger in QUEUED
        }
        #: Inputs whose last attempt failed.
        self.exhausted = counters(QUEUED, slots)
        #: From when a blob or a message was sent until its scoring begins, at each delivery.
        self.queue_age = {trigger: of_seconds(QUEUE_SECONDS, slots) for trigger in QUEUED}

    def __repr__(self) -> str:
        return f"<RequestCounts {sum(each[-1] for each in self.by_status())} requests>"

    def record(self, trigger: str, route: str, status: int | str, seconds: float) -> None:
        """Count a request that has ended. `route` is one of ROUTES, and empty but for HTTP."""
        if isinstance(status, int):
            status = min(max(status, FIRST_STATUS), LAST_STATUS)
            self._statuses[route][status - FIRST_STATUS] += 1
            self._http_seconds[status // 100 - 1].observe(seconds)
        else:
            self._outcomes[trigger][status].add()
            self._seconds[trigger][status].observe(seconds)

    def record_age(self, trigger: str, sent_at: float) -> None:
        """Count an input whose scoring begins. `sent_at`: by time.time(); 0: not known."""
        if sent_at:
            # The sender's clock may be ahead of this one.
            self.queue_age[trigger].observe(max(0.0, time.time() - sent_at))

    def by_status(self) -> Iterator[tuple[str, str, str, int]]:
        """Trigger, route, status and count of those that were counted."""
        for route, counts in self._statuses.items():
            for at, count in enumerate(counts):
                if count:
                    yield "http", route, str(FIRST_STATUS + at), count
        for trigger, outcomes in self._outcomes.items():
            for outcome, counter in outcomes.items():
                if counter.value:
                    yield trigger, "", outcome, counter.value

    def durations(self) -> Iterator[tuple[str, str, Histogram]]:
        """Trigger, class of statuses and seconds, in bounded number."""
        for digit, seconds in enumerate(self._http_seconds, 1):
            yield "http", f"{digit}xx", seconds
        for trigger, outcomes in self._seconds.items():
            for outcome, seconds in outcomes.items():
                yield trigger, outcome, seconds
