"""A snapshot with a sample of every metric."""

import os

from cache.degradation import Degradation
from inference.counters import gauges
from inference.counters.counts import CACHE_COUNTS, Counts
from inference.counters.instance import InstanceReading, SingleWorker
from inference.counters.slots import Slots
from inference.models import ModelId
from inference.serving.health import Health
from triggers.description.metrics import Snapshot


def everything() -> Snapshot:
    """Metrics of an instance with Redis that has had every kind of input and every outcome."""
    alone = SingleWorker()
    requests = Counts(Slots(alone.memory.counters)).requests
    for route in ("score", "v2"):
        for status in (200, 404, 503):
            requests.record("http", route, status, 0.001)
    for trigger in ("blob", "servicebus"):
        for outcome in ("succeeded", "failed", "returned"):
            requests.record(trigger, "", outcome, 1.0)
    alone.memory.write_gauges(dict.fromkeys(gauges.GAUGES, 1.0))
    degradation = Degradation("full", "it is full")
    health = Health("ok", "all", "degraded", True, degradation, None, ())
    reading: InstanceReading = alone.read()
    assert reading.pids == [os.getpid()]
    return Snapshot(ModelId("m", "1"), health, reading, frozenset(CACHE_COUNTS))
