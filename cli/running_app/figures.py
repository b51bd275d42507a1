"""Figures of a running app, from its metrics in Prometheus' text format."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

_SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True, slots=True)
class Sample:
    name: str
    labels: Mapping[str, str]
    value: float


def read_samples(text: str) -> list[Sample]:
    """The samples of a page of metrics."""
    found = (_SAMPLE.match(line) for line in text.splitlines() if not line.startswith("#"))
    return [
        Sample(each[1], dict(_LABEL.findall(each[2] or "")), float(each[3]))
        for each in found
        if each
    ]


def total(samples: list[Sample], name: str, **labels: str) -> float:
    """The sum of a metric's samples with these labels."""
    return sum(
        each.value
        for each in samples
        if each.name == name and all(each.labels.get(key) == want for key, want in labels.items())
    )


def values_of(samples: list[Sample], name: str, label: str) -> list[str]:
    """The values of a label, in the order of the page."""
    return list(dict.fromkeys(each.labels[label] for each in samples if each.name == name))


def quantile(samples: list[Sample], name: str, share: float) -> float:
    """A quantile of a histogram, between its bounds; NaN of an empty one."""
    buckets = [
        (float(each.labels["le"]), each.value) for each in samples if each.name == f"{name}_bucket"
    ]
    count = buckets[-1][1] if buckets else 0
    if not count:
        return math.nan
    lower, below = 0.0, 0.0
    for upper, reached in buckets:
        if reached >= share * count:
            if math.isinf(upper):
                return lower
            return lower + (upper - lower) * (share * count - below) / max(reached - below, 1)
        lower, below = upper, reached
    return lower


def hit_rate(samples: list[Sample], cache: str) -> float:
    """The share of lookups that a cache answered; NaN without lookups."""
    name = "triscore_cache_lookups_total"
    hits = total(samples, name, cache=cache, outcome="hit")
    asked = hits + total(samples, name, cache=cache, outcome="miss")
    return hits / asked if asked else math.nan
