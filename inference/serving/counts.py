"""What the core has done since it was made, for metrics."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

from inference.request import CacheStatus

#: The four caches (docs/caches.md), in the order in which they are asked.
CacheName = Literal["response", "near", "in_flight", "redis"]
CACHES: tuple[CacheName, ...] = ("response", "near", "in_flight", "redis")

#: Seconds of a model call: from one row of a linear model to the default SCORING_TIMEOUT_S.
CALL_SECONDS = (0.0001, 0.001, 0.01, 0.1, 1.0, 10.0, 60.0)
#: Rows of a model call: from one to the largest batch of several requests (batching.MAX_ROWS), and
#: more for one request.
CALL_ROWS = (1, 4, 16, 64, 256, 512)


#: Seconds of a request: from a hit in the response cache to the default SCORING_TIMEOUT_S.
REQUEST_SECONDS = (
    *(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05),
    *(0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0),
)


class Histogram:
    """How often values fell into which range. The last range has no upper bound."""

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        #: One count a range. `bounds` are the ranges' inclusive upper ends.
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value


@dataclass(slots=True)
class LookupCounts:
    """Lookups in one cache: of requests in the response cache, of units in the others."""

    hits: int = 0
    misses: int = 0
    #: Not looked up, because a lookup costs more than it saves (inference.serving.cache_policy).
    skipped: int = 0

    def by_outcome(self) -> tuple[tuple[str, int], ...]:
        return ("hit", self.hits), ("miss", self.misses), ("skipped", self.skipped)


@dataclass(slots=True)
class Counts:
    """Plain counters. Each is incremented on the event loop, by the code that does the work."""

    #: Inputs by trigger, route and status (inference.serving.finished_requests).
    requests: Counter[tuple[str, str, int | str]] = field(default_factory=Counter)
    #: Questions by how they were answered. Hits of the response cache are not among them.
    answers: Counter[CacheStatus] = field(default_factory=Counter)
    #: Questions that wait for their answer now.
    waiting: int = 0
    #: Files that are being scored now, rows written of all so far, and stored bytes read.
    batches: int = 0
    batch_rows: int = 0
    batch_bytes: int = 0
    lookups: dict[CacheName, LookupCounts] = field(
        default_factory=lambda: {name: LookupCounts() for name in CACHES}
    )
    #: Model calls that ended or hang. A batch that the model refuses is called again in halves.
    call_seconds: Histogram = field(default_factory=lambda: Histogram(CALL_SECONDS))
    call_rows: Histogram = field(default_factory=lambda: Histogram(CALL_ROWS))
    #: Requests to score over HTTP, from the call of the function to its response.
    request_seconds: Histogram = field(default_factory=lambda: Histogram(REQUEST_SECONDS))

    def count_request(self, trigger: str, route: str, status: int | str, seconds: float) -> None:
        """Called by FinishedRequests alone."""
        self.requests[trigger, route, status] += 1
        if route == "score":
            self.request_seconds.observe(seconds)
