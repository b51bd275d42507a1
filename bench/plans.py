"""What one run of the bench measures, and how often."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench import workloads
from bench.errors import BenchError
from bench.workloads import Workload

#: Rounds of each measurement, after one that warms up.
ROUNDS, QUICK_ROUNDS = 7, 5

#: What `only` may name beside a workload or a server.
LIMITS, TRIGGERS, COLD = "limits", "triggers", "cold"


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

    @property
    def is_full(self) -> bool:
        return self.limits and self.triggers and self.cold and bool(self.workloads)

    @property
    def models(self) -> list[str]:
        """The models that are needed, in the order of the workloads."""
        named = dict.fromkeys(each.model for each in self.workloads)
        return list(named) or ["logreg"]

    @property
    def servers(self) -> set[str]:
        return {name.partition("@")[0] for each in self.workloads for name in each.servers}


def full(rounds: int | None = None, seconds: int = 1) -> Plan:
    return Plan(workloads.full(), rounds or ROUNDS, seconds, limits=True, triggers=True, cold=True)


def quick(rounds: int | None = None, seconds: int = 1) -> Plan:
    """The main marks, in under 3 minutes."""
    return Plan(workloads.quick(), rounds or QUICK_ROUNDS, seconds)


def only(name: str, rounds: int | None = None, seconds: int = 1) -> Plan:
    """One part: a workload, the beginning of its name, a server, or one of the other measurements.

    Raises BenchError where nothing has that name.
    """
    plan = Plan(
        workloads.matching(workloads.full(), name),
        rounds or ROUNDS,
        seconds,
        limits=name == LIMITS,
        triggers=name == TRIGGERS,
        cold=name == COLD,
    )
    if plan.workloads or plan.limits or plan.triggers or plan.cold:
        return plan
    known = sorted({each.id for each in workloads.full()})
    raise BenchError(
        f"--only {name} names nothing to measure: expected a server, {LIMITS}, {TRIGGERS}, {COLD}"
        f" or one of {', '.join(known)}"
    )
