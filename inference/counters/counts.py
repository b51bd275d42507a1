"""What the core has done, for metrics: everything that is counted in one process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from inference.counters.histogram import Histogram, of_seconds
from inference.counters.request_counts import RequestCounts
from inference.counters.slots import Counter, Slots, counters
from inference.request import CacheStatus

#: The four caches (docs/caches.md), in the order in which they are asked.
CacheName = Literal["response", "near", "in_flight", "redis"]
CACHES: tuple[CacheName, ...] = ("response", "near", "in_flight", "redis")

#: Seconds of a model call: from one row of a linear model to the default SCORING_TIMEOUT_S.
CALL_SECONDS = (0.0001, 0.001, 0.01, 0.1, 1.0, 10.0, 60.0)
#: Rows of a model call: from one to the largest batch of several requests (batching.MAX_ROWS), and
#: more for one request.
CALL_ROWS = (1, 4, 16, 64, 256, 512)
#: What the cache itself counts (inference.ports.Cache.counts).
CACHE_COUNTS = ("round_trips", "stores_shed", "breaker_openings")


class LookupCounts:
    """Lookups in one cache: of requests in the response cache, of units in the others."""

    __slots__ = ("_slots",)

    def __init__(self, slots: Slots | None = None) -> None:
        self._slots = (slots or Slots()).take(3)

    def __repr__(self) -> str:
        return f"<LookupCounts {self.by_outcome()}>"

    @property
    def hits(self) -> int:
        return self._slots[0]

    @property
    def misses(self) -> int:
        return self._slots[1]

    @property
    def skipped(self) -> int:
        """Not looked up, because a lookup costs more than it saves (serving.cache_policy)."""
        return self._slots[2]

    def record(self, hits: int, misses: int) -> None:
        if hits:
            self._slots[0] += hits
        if misses:
            self._slots[1] += misses

    def skip(self, units: int) -> None:
        self._slots[2] += units

    def by_outcome(self) -> tuple[tuple[str, int], ...]:
        return ("hit", self.hits), ("miss", self.misses), ("skipped", self.skipped)


@dataclass(eq=False, slots=True)
class RunningBatch:
    """A blob that is being scored: its bytes as they are stored, and how many of them were read."""

    size: int
    position: int = 0


class Counts:
    """Counters of one process, or sums over several. The code that does the work adds to them.

    Those in `slots` never decrease. The plain attributes say what is so now, in this process.
    """

    def __init__(self, slots: Slots | None = None) -> None:
        slots = slots or Slots()
        self.requests = RequestCounts(slots)
        #: Questions by how they were answered. Hits of the response cache are not among them.
        self.answers: dict[CacheStatus, Counter] = counters(get_args(CacheStatus), slots)
        self.lookups = {name: LookupCounts(slots) for name in CACHES}
        #: Model calls that ended or hang. A batch that the model refuses is called again in halves.
        self.call_seconds: Histogram = of_seconds(CALL_SECONDS, slots)
        self.call_rows = Histogram(CALL_ROWS, slots)
        #: Of these, calls that ran past their deadline.
        self.call_timeouts = Counter(slots)
        #: Of files: rows whose output was written, rows without a prediction, stored bytes read.
        self.batch_rows = Counter(slots)
        self.batch_failed_rows = Counter(slots)
        self.batch_bytes = Counter(slots)
        self.cache = counters(CACHE_COUNTS, slots)

        #: Questions that wait for their answer.
        self.waiting = 0
        #: Files that are being scored.
        self.batches: set[RunningBatch] = set()
        #: Result documents that are kept in the process until the cache accepts them.
        self.pending_results = 0
        #: Result documents of blobs that wait in the storage account until the output queue takes
        #: them, as this process saw last.
        self.unsent_documents = 0

    def __repr__(self) -> str:
        return f"<Counts {self.requests!r}>"
