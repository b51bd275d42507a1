"""What the core has done since it was made, for whoever watches it."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field

from inference.request import CacheStatus

#: Seconds that a call of the model takes: one row of a linear model, up to the default deadline.
CALL_SECONDS = (0.0001, 0.001, 0.01, 0.1, 1.0, 10.0, 60.0)
#: Rows of a call: one, up to inference.serving.batching's most for several requests together, and
#: beyond.
CALL_ROWS = (1, 4, 16, 64, 256, 512)


class Histogram:
    """How often values fell into which range. The last range has no upper bound."""

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        #: One a range; `bounds` are their upper ends, which belong to them.
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value


@dataclass(slots=True)
class Counts:
    """Plain counters; whoever does what they count adds to them, on the event loop."""

    #: By door and status: what the doors made of what came, each in its own words.
    requests: Counter[tuple[str, int | str]] = field(default_factory=Counter)
    #: Questions by how their answers came about; without those that Recent answered.
    answers: Counter[CacheStatus] = field(default_factory=Counter)
    #: Questions that wait for their answer now.
    waiting: int = 0
    #: Requests that were looked up in Recent and were there, or not.
    recent_hits: int = 0
    recent_misses: int = 0
    #: Calls of the model that ended or hang; a batch that it refused is called again in halves.
    call_seconds: Histogram = field(default_factory=lambda: Histogram(CALL_SECONDS))
    call_rows: Histogram = field(default_factory=lambda: Histogram(CALL_ROWS))
