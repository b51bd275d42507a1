"""Families of metrics as prometheus_client writes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import accumulate

from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from inference.counters.histogram import Histogram

PREFIX = "triscore_"


def gauge(name: str, help_text: str, values: Iterable[tuple[Mapping[str, str], float]]) -> Metric:
    metric = GaugeMetricFamily(PREFIX + name, help_text)
    for labels, value in values:
        metric.add_sample(metric.name, dict(labels), float(value))
    return metric


def counter(
    name: str,
    help_text: str,
    labels: tuple[str, ...],
    values: Iterable[tuple[tuple[object, ...], float]],
) -> Metric:
    metric = CounterMetricFamily(PREFIX + name, help_text, labels=labels)
    for each, value in values:
        metric.add_metric([str(label) for label in each], value)
    return metric


def histogram(
    name: str, help_text: str, values: Iterable[tuple[Mapping[str, str], Histogram]]
) -> Metric:
    """All with the same labels."""
    values = list(values)
    labels = tuple(values[0][0]) if values else ()
    metric = HistogramMetricFamily(PREFIX + name, help_text, labels=labels)
    for each, seen in values:
        bounds = [*(str(float(bound)) for bound in seen.bounds), "+Inf"]
        buckets = list(zip(bounds, accumulate(seen.counts), strict=True))
        metric.add_metric(list(each.values()), buckets, seen.sum)
    return metric
