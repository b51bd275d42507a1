"""The results of a run, and their medians."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from bench.load import Run

#: What is measured in each run over HTTP.
QUANTITIES = ("rate", "p50_ms", "p99_ms", "load_cpu")


@dataclass(slots=True)
class Cell:
    """One server under one workload: its runs in order."""

    runs: list[Run] = field(default_factory=list)

    @property
    def counted(self) -> list[Run]:
        return [run for run in self.runs if not run.fault]

    @property
    def faults(self) -> list[str]:
        return [run.fault for run in self.runs if run.fault]

    @property
    def holds(self) -> bool:
        """Whether more than half of the runs are valid, so that there is a figure."""
        return len(self.counted) > len(self.runs) / 2

    def median(self, quantity: str) -> float | None:
        """The median of one of QUANTITIES; None if the cell has no figure."""
        if not self.holds:
            return None
        values: list[float] = [getattr(run, quantity) for run in self.counted]
        return statistics.median(values)


@dataclass(frozen=True, slots=True)
class Figure:
    """A measurement of anything but requests over HTTP."""

    unit: str
    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.values)


@dataclass(slots=True)
class Results:
    """Everything that one run of the bench measured."""

    environment: dict[str, Any] = field(default_factory=dict)
    #: By workload and server.
    http: dict[tuple[str, str], Cell] = field(default_factory=dict)
    figures: dict[str, Figure] = field(default_factory=dict)
    #: Why a server did not take part, by its id, with the model if it failed only with that one.
    absent: dict[str, str] = field(default_factory=dict)

    def add(self, workload: str, server: str, run: Run) -> None:
        self.http.setdefault((workload, server), Cell()).runs.append(run)

    def value(self, workload: str, server: str, quantity: str = "rate") -> float | None:
        cell = self.http.get((workload, server))
        return None if cell is None else cell.median(quantity)

    def figure(self, name: str) -> float | None:
        found = self.figures.get(name)
        return None if found is None else found.median

    def servers(self, workload: str) -> list[str]:
        return [server for at, server in self.http if at == workload]

    def as_json(self) -> dict[str, Any]:
        return {
            "environment": self.environment,
            "http": [
                {
                    "workload": workload,
                    "server": server,
                    **{name: cell.median(name) for name in QUANTITIES},
                    "runs": [asdict(run) for run in cell.runs],
                }
                for (workload, server), cell in self.http.items()
            ],
            "figures": {
                name: {"unit": each.unit, "median": each.median, "values": each.values}
                for name, each in self.figures.items()
            },
            "absent": self.absent,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Results:
        """Read full results, or a summary: it has the medians of all runs."""
        results = cls(environment=document["environment"], absent=document["absent"])
        for cell in document["http"]:
            for run in cell["runs"] if "runs" in cell else _medians(cell):
                results.add(cell["workload"], cell["server"], Run(**run))
        for name, each in document["figures"].items():
            results.figures[name] = Figure(
                each["unit"], tuple(each.get("values", [each["median"]]))
            )
        return results


def _medians(cell: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One run made of the medians; none if most runs were disqualified."""
    return [] if cell["rate"] is None else [{name: cell[name] for name in QUANTITIES}]
