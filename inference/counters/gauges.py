"""What is so now in a process, by name; and how the values of several processes become one."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

Merge = Callable[[Sequence[float]], float]


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


#: How the values of the workers of one instance are merged. A worker writes them in this order.
GAUGES: Mapping[str, Merge] = {
    #: 1 if the model can answer.
    "model_ready": min,
    "model_load_duration_seconds": max,
    "pending_answers": sum,
    "pending_results": sum,
    #: Each worker sees those of the whole app.
    "unsent_documents": max,
    "batches_running": sum,
    "batches_size_bytes": sum,
    "batches_position_bytes": sum,
    #: Of the cache (inference.ports.Cache.gauges).
    "near_cache_bytes": sum,
    "redis_breaker_open": sum,
    "redis_pending_writes": sum,
    #: Shares of the questions that are looked up, by cache and rows of a question.
    "lookups response any": mean,
    "lookups near one": mean,
    "lookups redis one": mean,
    "lookups near many": mean,
    "lookups redis many": mean,
}


def write(values: Mapping[str, float], into: memoryview[float]) -> None:
    """`into` has an element for each of GAUGES. A value that is missing is not a number there."""
    for at, name in enumerate(GAUGES):
        into[at] = values.get(name, math.nan)


def merge(workers: Iterable[Sequence[float]]) -> dict[str, float]:
    """One value for each gauge that a worker has."""
    merged = {}
    for (name, combine), values in zip(GAUGES.items(), zip(*workers, strict=True), strict=True):
        known = [value for value in values if not math.isnan(value)]
        if known:
            merged[name] = combine(known)
    return merged
