"""The metrics of this process in Prometheus' text format. docs/metrics.md lists them all."""

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
from inference.serving.cache_policy import Shares
from inference.serving.counts import Counts, Histogram
from inference.serving.health import Health
from triggers import responses

#: Memory, processor time and open files, under the names of every Prometheus client.
_process = ProcessCollector(registry=None)


@dataclass(frozen=True)
class Snapshot(Collector):
    """All metrics at one moment."""

    model: ModelId
    health: Health
    counts: Counts
    #: The cache's own counters by name.
    cache: Mapping[str, int]
    #: Shares of the questions that are looked up, by cache and size of the question.
    shares: Shares

    def response(self) -> func.HttpResponse:
        return responses.body(200, generate_latest(self), kind=CONTENT_TYPE_PLAIN_0_0_4)

    def collect(self) -> Iterator[Metric]:
        # Several processes share one address, and a scrape reaches any of them. Without this label
        # the counters of one would look like those of another after a restart.
        process = {"process": f"{platform.node()}:{os.getpid()}"}
        for metric in (*self._state(), *self._work(), *self._caches(), *_process.collect()):
            metric.samples = [
                sample._replace(labels={**sample.labels, **process}) for sample in metric.samples
            ]
            yield metric

    def _state(self) -> Iterator[Metric]:
        model, health = self.model, self.health
        names = {"name": model.name, "version": model.version}
        yield _gauge("model_info", "The model that this process serves.", [(names, 1)])
        yield _gauge(
            "model_ready", "1 if the model can answer, else 0.", [({}, health.model == "ok")]
        )
        yield _gauge("cache_up", "1 if the cache answers, else 0.", [({}, health.cache_up)])
        yield _gauge(
            "cache_writable",
            "1 if the cache answers and accepts writes, else 0.",
            [({}, health.cache == "ok")],
        )
        yield _gauge(
            "cache_degraded_info",
            "Present while the cache does not accept writes. The label says why.",
            [({"reason": health.degradation.code}, 1)] if health.degradation else [],
        )
        yield _gauge(
            "pending_answers",
            "Answers that are being looked up or computed now.",
            [({}, self.counts.waiting)],
        )

    def _work(self) -> Iterator[Metric]:
        counts = self.counts
        yield _counter(
            "requests",
            "Inputs by trigger. The status of HTTP is the response's; of blobs and messages it is"
            " succeeded, failed, or returned (the platform delivers the input again).",
            ("trigger", "route", "status"),
            counts.requests.items(),
        )
        yield _histogram(
            "http_request_duration_seconds",
            "Seconds of one request to score over HTTP, without the platform's part.",
            counts.request_seconds,
        )
        answers = {(how,): counts.answers[how] for how in get_args(CacheStatus)}
        answers["hit",] += counts.lookups["response"].hits
        yield _counter(
            "answers",
            "Answers by x-cache: one a request or message, one a part of a blob.",
            ("outcome",),
            answers.items(),
        )
        yield _gauge("batches_running", "Blobs that are being scored now.", [({}, counts.batches)])
        for name, count, help_text in (
            ("batch_rows", counts.batch_rows, "Rows of blobs whose output was written."),
            ("batch_read_bytes", counts.batch_bytes, "Bytes of blobs that were read, as stored."),
        ):
            yield _counter(name, help_text, (), [((), count)])
        yield _histogram("model_call_rows", "Rows of one model call.", counts.call_rows)
        yield _histogram(
            "model_call_duration_seconds", "Seconds of one model call.", counts.call_seconds
        )

    def _caches(self) -> Iterator[Metric]:
        yield _counter(
            "cache_lookups",
            "Lookups: of requests in the response cache, of rows in the others. They are skipped"
            " where they cost more than they save.",
            ("cache", "outcome"),
            [
                ((cache, outcome), count)
                for cache, lookups in self.counts.lookups.items()
                for outcome, count in lookups.by_outcome()
            ],
        )
        yield _gauge(
            "cache_lookup_ratio",
            "Share of the questions that are looked up: 1 while lookups pay, below it a sample.",
            [({"cache": cache, "rows": rows}, share) for (cache, rows), share in self.shares],
        )
        for name, key, help_text in (
            ("round_trips", "round_trips", "Round trips to Redis. One may carry many rows."),
            (
                "writes_dropped",
                "stores_shed",
                "Predictions not stored, because Redis was away or too many writes waited.",
            ),
        ):
            if key in self.cache:
                yield _counter(f"redis_{name}", help_text, (), [((), self.cache[key])])


def _gauge(
    name: str, help_text: str, values: Iterable[tuple[Mapping[str, str], float]]
) -> GaugeMetricFamily:
    metric = GaugeMetricFamily(f"triscore_{name}", help_text)
    for labels, value in values:
        metric.add_sample(metric.name, dict(labels), float(value))
    return metric


def _counter(
    name: str,
    help_text: str,
    labels: tuple[str, ...],
    values: Iterable[tuple[tuple[object, ...], float]],
) -> Metric:
    metric = CounterMetricFamily(f"triscore_{name}", help_text, labels=labels)
    for each, value in values:
        metric.add_metric([str(label) for label in each], value)
    return metric


def _histogram(name: str, help_text: str, values: Histogram) -> Metric:
    bounds = [*(str(float(bound)) for bound in values.bounds), "+Inf"]
    buckets = list(zip(bounds, accumulate(values.counts), strict=True))
    return HistogramMetricFamily(
        f"triscore_{name}", help_text, buckets=buckets, sum_value=values.sum
    )
