"""Memory, processor time and open files of workers, under the names of every Prometheus client."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.metrics_core import Metric
from prometheus_client.process_collector import ProcessCollector


def process_metrics(pids: Iterable[int]) -> Iterable[Metric]:
    """A sample a worker. Its label `pid` is its process id."""
    families: dict[str, Metric] = {}
    for pid in pids:
        for metric in _metrics_of(pid):
            family = families.setdefault(metric.name, metric)
            if family is not metric:
                family.samples += metric.samples
    return families.values()


def _metrics_of(pid: int) -> Iterable[Metric]:
    """Empty where there is no /proc, and of a process that has ended."""
    for metric in ProcessCollector(pid=lambda: pid, registry=None).collect():
        metric.samples = [each._replace(labels={"pid": str(pid)}) for each in metric.samples]
        yield metric
