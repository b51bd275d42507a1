"""What this process has done, in Prometheus' text format."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import get_args

import azure.functions as func
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from inference.models import ModelId
from inference.request import CacheStatus
from inference.serving.counts import Counts, Histogram
from inference.serving.health import Health
from triggers import responses

LAYERS = ("recent", "near", "redis")

#: Memory, processor time and open files, as every Prometheus client names them.
_process = ProcessCollector(registry=None)


@dataclass(frozen=True)
class Snapshot(Collector):
    """All that is told, as it was at one moment."""

    model: ModelId
    health: Health
    counts: Counts
    #: The cache's own counters, by name.
    cache: Mapping[str, int]

    def response(self) -> func.HttpResponse:
        return responses.body(200, generate_latest(self), kind=CONTENT_TYPE_PLAIN_0_0_4)

    def collect(self) -> Iterator[Metric]:
        # Behind one address there are several processes, and each scrape meets any of them: a label
        # of its own keeps one's counters from looking like another's that began anew.
        mine = {"process": f"{platform.node()}:{os.getpid()}"}
        for metric in (*self._state(), *self._work(), *self._lookups(), *_process.collect()):
            metric.samples = [
                sample._replace(labels={**sample.labels, **mine}) for sample in metric.samples
            ]
            yield metric

    def _state(self) -> Iterator[Metric]:
        model, health = self.model, self.health
        yield _gauge(
            "model_info",
            "The model served. This and all that follows is of one process, which answers alone.",
            {"name": model.name, "version": model.version},
            1,
        )
        yield _gauge("model_up", "Whether the model can answer.", {}, health.model == "ok")
        yield _gauge("cache_up", "Whether the cache answered just now.", {}, health.cache_up)
        yield _gauge(
            "cache_writable",
            "Whether the cache answers and takes writes, and where it does not, the reason.",
            {"reason": health.trouble.code} if health.trouble else {"reason": ""},
            health.cache == "ok",
        )
        yield _gauge(
            "waiting", "Questions that wait for their answer now.", {}, self.counts.waiting
        )

    def _work(self) -> Iterator[Metric]:
        counts = self.counts
        yield _counter(
            "requests",
            "Inputs of a trigger: by HTTP status; of blobs and messages, succeeded, failed, or"
            " returned to come again.",
            ("trigger", "status"),
            counts.requests.items(),
        )
        answers = {(how,): counts.answers[how] for how in get_args(CacheStatus)}
        answers["hit",] += counts.recent_hits
        yield _counter(
            "answers",
            "Answers by x-cache. A blob has one for each part that it is scored in.",
            ("cache",),
            answers.items(),
        )
        rows = counts.call_rows
        yield _counter("rows_predicted", "Rows that the model was given.", (), [((), rows.sum)])
        yield _histogram("batch_rows", "Rows that the model was given at once.", rows)
        yield _histogram(
            "predict_seconds", "Seconds that a call of the model took.", counts.call_seconds
        )

    def _lookups(self) -> Iterator[Metric]:
        counts = self.counts
        known = {"recent_hits": counts.recent_hits, "recent_misses": counts.recent_misses}
        known |= self.cache
        yield _counter(
            "cache_lookups",
            "Look-ups by layer: of whole requests in recent, of rows in near, then in redis.",
            ("layer", "outcome"),
            [
                ((layer, outcome), known[name])
                for layer in LAYERS
                for outcome, suffix in (("hit", "hits"), ("miss", "misses"))
                if (name := f"{layer}_{suffix}") in known
            ],
        )
        for name, what in (
            ("round_trips", "Times that something was sent to Redis, however much at once."),
            ("stores_shed", "Predictions not stored, as Redis was away or too many waited."),
        ):
            if name in known:
                yield _counter(f"redis_{name}", what, (), [((), known[name])])


def _gauge(name: str, what: str, labels: Mapping[str, str], value: float) -> Metric:
    metric = GaugeMetricFamily(f"triscore_{name}", what, labels=list(labels))
    metric.add_metric(list(labels.values()), value)
    return metric


def _counter(
    name: str,
    what: str,
    labels: tuple[str, ...],
    values: Iterable[tuple[tuple[object, ...], float]],
) -> Metric:
    metric = CounterMetricFamily(f"triscore_{name}", what, labels=labels)
    for each, value in values:
        metric.add_metric([str(label) for label in each], value)
    return metric


def _histogram(name: str, what: str, values: Histogram) -> Metric:
    bounds = [*(str(float(bound)) for bound in values.bounds), "+Inf"]
    buckets = list(zip(bounds, accumulate(values.counts), strict=True))
    return HistogramMetricFamily(f"triscore_{name}", what, buckets=buckets, sum_value=values.sum)
