"""What one run of the bench measures, and how often."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench import batch_files, workloads
from bench.batch_files import BatchFile
from bench.errors import BenchError
from bench.workloads import Workload

#: Rounds of each measurement, after one that warms up.
ROUNDS, QUICK_ROUNDS = 7, 5

#: What `only` may name beside a workload or a server.
LIMITS, TRIGGERS, COLD = "limits", "triggers", "cold"
BATCH, BLOBS, PARSE, BROKER, METRICS = "batch", "blobs", "parse", "broker", "metrics"
OTHERS = (LIMITS, TRIGGERS, COLD, BATCH, BLOBS, PARSE, BROKER, METRICS)


@dataclass(frozen=True, slots=True)
class Plan:
    """The workloads over HTTP, and whether the other measurements are made too."""

    workloads: Sequence[Workload]
    rounds: int
    #: How long one measurement takes.
    seconds: int
    #: What the model and Redis do by themselves.
    limits: bool = False
    #: Messages and blobs.
    triggers: bool = False
    cold: bool = False
    #: Files to score beside a hand-written script.
    batch: Sequence[BatchFile] = ()
    #: Many small blobs.
    blobs: bool = False
    #: Requests of many rows in each format, without HTTP.
    parse: bool = False
    #: The Service Bus emulator alone.
    broker: bool = False
    #: What it takes to count a request.
    metrics: bool = False

    @property
    def others(self) -> tuple[bool, ...]:
        """Whether each measurement other than over HTTP is made."""
        return (
            *(self.limits, self.triggers, self.cold, bool(self.batch)),
            *(self.blobs, self.parse, self.broker, self.metrics),
        )

    @property
    def is_full(self) -> bool:
        return all(self.others) and bool(self.workloads)

    @property
    def models(self) -> list[str]:
        """The models that are needed, in the order of the workloads."""
        named = dict.fromkeys(each.model for each in self.workloads)
        return list(named) or ["logreg"]

    @property
    def servers(self) -> set[str]:
        return {name.partition("@")[0] for each in self.workloads for name in each.servers}


def full(rounds: int | None = None, seconds: int = 1) -> Plan:
    return Plan(
        workloads.full(),
        rounds or ROUNDS,
        seconds,
        limits=True,
        triggers=True,
        cold=True,
        batch=batch_files.FILES,
        blobs=True,
        parse=True,
        broker=True,
        metrics=True,
    )


def quick(rounds: int | None = None, seconds: int = 1) -> Plan:
    """The main marks, in about 4 minutes."""
    return Plan(workloads.quick(), rounds or QUICK_ROUNDS, seconds, parse=True, metrics=True)


def only(name: str, rounds: int | None = None, seconds: int = 1) -> Plan:
    """One part: a workload, the beginning of its name, a server, or one of the other measurements.

    `batch/csv/1gb` names one of batch_files.LARGE; without its size it is not measured.
    Raises BenchError where nothing has that name.
    """
    plan = Plan(
        workloads.matching(workloads.full(), name),
        rounds or ROUNDS,
        seconds,
        limits=name == LIMITS,
        triggers=name == TRIGGERS,
        cold=name == COLD,
        batch=_files(name),
        blobs=name == BLOBS,
        parse=name == PARSE,
        broker=name == BROKER,
        metrics=name == METRICS,
    )
    if plan.workloads or any(plan.others):
        return plan
    files = {each.id for each in batch_files.FILES + batch_files.LARGE}
    known = sorted({each.id for each in workloads.full()} | files)
    raise BenchError(
        f"--only {name} names nothing to measure: expected a server, {', '.join(OTHERS)}"
        f" or one of {', '.join(known)}"
    )


def _files(name: str) -> list[BatchFile]:
    usual = [each for each in batch_files.FILES if f"{each.id}/".startswith(f"{name}/")]
    return usual + [each for each in batch_files.LARGE if each.id == name]
