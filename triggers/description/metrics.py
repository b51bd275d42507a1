"""The metrics of an instance in Prometheus' text format. docs/metrics.md lists them all."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import get_args

import azure.functions as func
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from inference.counters.counts import Counts
from inference.counters.instance import InstanceReading
from inference.counters.slots import Slots
from inference.models import ModelId
from inference.request import CacheStatus
from inference.serving.health import Health
from triggers import responses
from triggers.description.metric_families import counter, gauge, histogram
from triggers.description.process_metrics import process_metrics

#: Gauges that have no labels: help by name. Those of Redis are there with REDIS_URL alone.
_GAUGES = {
    "model_ready": "1 if the models of all workers can answer, else 0.",
    "model_load_duration_seconds": "Seconds that the slowest worker took to load its model.",
    "pending_answers": "Answers that are being looked up or computed now.",
    "pending_results": "Result documents that wait in a worker until the cache accepts them.",
    "unsent_documents": "Result documents of blobs that wait until the output queue takes them.",
    "batches_running": "Blobs that are being scored now.",
    "batches_size_bytes": "Bytes of the blobs that are being scored now, as stored.",
    "batches_position_bytes": "How many of these bytes were read.",
    "near_cache_bytes": "Bytes that the near caches hold.",
    "redis_breaker_open": "Workers that make no calls to Redis but probes, after failures.",
    "redis_pending_writes": "Predictions that wait to be written to Redis.",
}
#: The cache's own counters: name, and help.
_CACHE_COUNTERS = {
    "round_trips": ("redis_round_trips", "Round trips to Redis. One may carry many rows."),
    "stores_shed": (
        "redis_writes_dropped",
        "Predictions not stored, because Redis was away or too many writes waited.",
    ),
    "breaker_openings": (
        "redis_breaker_openings",
        "How often workers stopped to call Redis, after failures in a row.",
    ),
}


@dataclass(frozen=True)
class Snapshot(Collector):
    """All metrics of an instance at one moment."""

    model: ModelId
    #: As the worker sees it that answers.
    health: Health
    reading: InstanceReading
    #: Names of the counters that the cache has.
    cache: frozenset[str]

    def response(self) -> func.HttpResponse:
        return responses.body(200, generate_latest(self), kind=CONTENT_TYPE_PLAIN_0_0_4)

    def collect(self) -> Iterator[Metric]:
        counts = Counts(Slots(self.reading.counters))
        # Several instances may share one address. Without this label the counters of one would look
        # like those of another after a restart.
        host = {"host": platform.node()}
        for metric in (
            *self._state(),
            *_requests(counts),
            *self._work(counts),
            *self._caches(counts),
            *process_metrics(self.reading.pids),
        ):
            metric.samples = [
                sample._replace(labels={**sample.labels, **host}) for sample in metric.samples
            ]
            yield metric

    def _state(self) -> Iterator[Metric]:
        model, health, reading = self.model, self.health, self.reading
        names = {"name": model.name, "version": model.version}
        yield gauge("model_info", "The model that this instance serves.", [(names, 1)])
        yield gauge("cache_up", "1 if the cache answers, else 0.", [({}, health.cache_up)])
        yield gauge(
            "cache_writable",
            "1 if the cache answers and accepts writes, else 0.",
            [({}, health.cache == "ok")],
        )
        yield gauge(
            "cache_degraded_info",
            "Present while the cache does not accept writes. The label says why.",
            [({"reason": health.degradation.code}, 1)] if health.degradation else [],
        )
        yield gauge("workers", "Workers of this instance.", [({}, len(reading.pids))])
        yield counter("worker_exits", "Workers that ended.", (), [((), reading.exits)])
        for name, help_text in _GAUGES.items():
            if name in reading.gauges:
                yield gauge(name, help_text, [({}, reading.gauges[name])])

    def _work(self, counts: Counts) -> Iterator[Metric]:
        answers = {(how,): counts.answers[how].value for how in get_args(CacheStatus)}
        answers["hit",] += counts.lookups["response"].hits
        yield counter(
            "answers",
            "Answers by x-cache: one a request or message, one a part of a blob.",
            ("outcome",),
            answers.items(),
        )
        for name, each, help_text in (
            ("batch_rows", counts.batch_rows, "Rows of blobs whose output was written."),
            ("batch_failed_rows", counts.batch_failed_rows, "Rows of blobs with no prediction."),
            ("batch_read_bytes", counts.batch_bytes, "Bytes of blobs that were read, as stored."),
            ("model_call_timeouts", counts.call_timeouts, "Model calls past their deadline."),
        ):
            yield counter(name, help_text, (), [((), each.value)])
        yield histogram("model_call_rows", "Rows of one model call.", [({}, counts.call_rows)])
        yield histogram(
            "model_call_duration_seconds",
            "Seconds of one model call.",
            [({}, counts.call_seconds)],
        )

    def _caches(self, counts: Counts) -> Iterator[Metric]:
        yield counter(
            "cache_lookups",
            "Lookups: of requests in the response cache, of rows in the others. They are skipped"
            " where they cost more than they save.",
            ("cache", "outcome"),
            [
                ((cache, outcome), count)
                for cache, lookups in counts.lookups.items()
                for outcome, count in lookups.by_outcome()
            ],
        )
        yield gauge(
            "cache_lookup_ratio",
            "Share of the questions that are looked up: 1 while lookups pay, below it a sample.",
            _shares(self.reading.gauges),
        )
        for key, (name, help_text) in _CACHE_COUNTERS.items():
            if key in self.cache:
                yield counter(name, help_text, (), [((), counts.cache[key].value)])


def _requests(counts: Counts) -> Iterator[Metric]:
    requests = counts.requests
    yield counter(
        "requests",
        "Inputs by trigger. The status of HTTP is the response's; of blobs and messages it is"
        " succeeded, failed, or returned (the platform delivers the input again).",
        ("trigger", "route", "status"),
        [
            ((trigger, route, status), count)
            for trigger, route, status, count in requests.by_status()
        ],
    )
    yield histogram(
        "request_duration_seconds",
        "Seconds of one input in the app, without the platform's part.",
        [
            ({"trigger": trigger, "status": status}, seconds)
            for trigger, status, seconds in requests.durations()
            if status in ("2xx", "succeeded") or any(seconds.counts)
        ],
    )
    yield histogram(
        "queue_age_seconds",
        "Seconds from when a blob or message was sent until its scoring begins.",
        [({"trigger": trigger}, seconds) for trigger, seconds in requests.queue_age.items()],
    )
    yield counter(
        "exhausted_requests",
        "Inputs whose last attempt failed.",
        ("trigger",),
        [((trigger,), each.value) for trigger, each in requests.exhausted.items()],
    )


def _shares(gauges: Mapping[str, float]) -> Iterator[tuple[dict[str, str], float]]:
    for name, value in gauges.items():
        kind, _, labels = name.partition(" ")
        if kind == "lookups":
            cache, rows = labels.split()
            yield {"cache": cache, "rows": rows}, value
