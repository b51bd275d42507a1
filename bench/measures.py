"""What the marks are measured by: ratios of two figures of one run, mostly."""

from __future__ import annotations

from collections.abc import Callable

from bench import batch_files, direct, metrics_cost, parse, runtime_share
from bench.results import Results
from bench.servers.field import PEERS
from bench.workloads import Kind

#: None if something that it needs was not measured.
Measure = Callable[[Results], float | None]

ALONE = "unique/logreg/1"


def ratio(over: tuple[str, str], under: tuple[str, str]) -> Measure:
    """The ratio of the requests a second of two workloads and servers."""
    return lambda results: _divided(results.value(*over), results.value(*under))


def ahead(workload: str, ours: str) -> Measure:
    """The ratio of our requests a second to those of the best peer."""

    def measure(results: Results) -> float | None:
        return _divided(results.value(workload, ours), max(_peers(results, workload), default=None))

    return measure


def tail(workload: str, ours: str) -> Measure:
    """The ratio of our p99 to that of the best peer."""

    def measure(results: Results) -> float | None:
        best = min(_peers(results, workload, "p99_ms"), default=None)
        return _divided(results.value(workload, ours, "p99_ms"), best)

    return measure


def figure(name: str) -> Measure:
    return lambda results: results.figure(name)


def figures(over: str, under: str) -> Measure:
    return lambda results: _divided(results.figure(over), results.figure(under))


def worst_memory(results: Results) -> float | None:
    """The most memory above the idle worker's that any of the measured batches took."""
    found = [
        results.figure(batch_files.memory(each))
        for each in (*batch_files.FILES, *batch_files.LARGE)
    ]
    return max((each for each in found if each is not None), default=None)


def beyond_predict(form: str, size: int) -> Measure:
    """What a request takes beyond one `predict`, over the fastest library's bare parse."""

    def measure(results: Results) -> float | None:
        whole, least = (
            results.figure(parse.request(form, size)),
            results.figure(parse.predict(form, size)),
        )
        if whole is None or least is None:
            return None
        return _divided(whole - least, results.figure(parse.bare(form, size)))

    return measure


def without_runtime(results: Results) -> float | None:
    """`unique logreg, 1 connection, cache off / fastapi@1`, if the runtime took no time."""
    ours = results.value(ALONE, "triscore-off@1")
    theirs = results.value(ALONE, "fastapi@1")
    runtime_us = results.figure(runtime_share.RUNTIME)
    if not (ours and theirs and runtime_us):
        return None
    return 1 / (1 / ours - runtime_us / 1e6) / theirs


def counting(kind: Kind) -> Measure:
    """Percent of a request's time that counting it takes, on a worker that is always busy."""

    def measure(results: Results) -> float | None:
        with_metrics = results.figure(metrics_cost.counted(kind))
        without = results.figure(metrics_cost.uncounted(kind))
        rate = results.value(f"{kind}/logreg/16", "triscore@1")
        if with_metrics is None or without is None or rate is None:
            return None
        return 100 * (with_metrics - without) / 1e6 * rate

    return measure


def workers(workload: str) -> Measure:
    return ratio((workload, "triscore@2"), (workload, "triscore@1"))


def workers_load_aside(workload: str) -> Measure:
    """The ratio of two workers to one, if the load generator had taken no time from the two.

    It is the plain ratio, divided by the share of the cores that the load generator left them.
    """

    def measure(results: Results) -> float | None:
        used = results.value(workload, "triscore@2", "load_cpu")
        plain = workers(workload)(results)
        return None if used is None or plain is None else plain * 2 / (2 - used)

    return measure


def beyond_the_model(results: Results) -> float | None:
    """Milliseconds of a request of 100 rows beyond reading its JSON and one `predict`."""
    whole = results.value("hundred/logreg/1", "triscore@1", "p50_ms")
    least = results.figure(f"{direct.HUNDRED}, logreg")
    return None if whole is None or least is None else whole - least


def _peers(results: Results, workload: str, quantity: str = "rate") -> list[float]:
    """The peers' values. A peer with two workers counts only if it did not run with one."""
    servers = results.servers(workload)
    fair = [
        each
        for each in servers
        if each.partition("@")[0] in PEERS
        and not (each.endswith("@2") and f"{each.partition('@')[0]}@1" in servers)
    ]
    values = (results.value(workload, each, quantity) for each in fair)
    return [each for each in values if each is not None]


def _divided(over: float | None, under: float | None) -> float | None:
    return None if over is None or not under else over / under
