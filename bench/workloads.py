"""The workloads, and the servers that each of them measures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from bench import bodies
from bench.bodies import Dialect
from bench.models import LABELS, Rows, rows

Kind = Literal["empty", "hot", "unique", "hundred"]

KIND_LABELS: dict[Kind, str] = {
    "empty": "nothing to do",
    "hot": "one row, always the same",
    "unique": "one row, never the same",
    "hundred": "100 rows, never the same",
}

#: How many bodies a workload sends in turn. The numbers in their gaps make every row new.
SINGLES, HUNDREDS = 500, 20


@dataclass(frozen=True, slots=True)
class Workload:
    """One kind of request to one model over a number of connections, and its servers."""

    kind: Kind
    model: str
    connections: int
    servers: tuple[str, ...]

    @property
    def id(self) -> str:
        parts = [self.kind, *([] if self.kind == "empty" else [self.model]), str(self.connections)]
        return "/".join(parts)

    @property
    def label(self) -> str:
        plural = "connection" if self.connections == 1 else "connections"
        what = KIND_LABELS[self.kind] + ("" if self.kind == "empty" else f", {LABELS[self.model]}")
        return f"{what}, {self.connections} {plural}"


def bodies_of(kind: Kind, dialect: Dialect) -> list[str]:
    """The bodies to send, with gaps for numbers. They are equal for every server."""
    match kind:
        case "hot":
            return [dialect.write(bodies.plain(hot_row()))]
        case "unique":
            return [dialect.write([row]) for row in bodies.unique(rows(SINGLES, seed=3))]
        case "hundred":
            drawn = (rows(100, seed=10 + turn) for turn in range(HUNDREDS))
            return [dialect.write(bodies.unique(each)) for each in drawn]
        case "empty":
            return []


def hot_row() -> Rows:
    return rows(1, seed=2)


_LIMITS = ("bare@1", "host-http@1", "empty-function@1")
#: With one worker, and azureml with two, as the marks compare it.
_OURS = ("triscore@1", "triscore-off@1")
_ONNX = ("triscore-onnx@1", "triscore-onnx-off@1")
_CACHED = ("fastapi-cache@1", "azureml-cache@2")
_UNCACHED = ("fastapi@1", "azureml@2")
_BATCHING = ("bentoml@1", "mlserver@1")
_ONE = (*_OURS, *_ONNX, *_CACHED, *_UNCACHED, *_BATCHING)
_TWO = ("triscore@2", "fastapi@2", "fastapi-cache@2", "bentoml@2", "mlserver@2")


def full() -> list[Workload]:
    """All servers at 16 connections, and some at 1 and 64 to show how they scale."""
    return [
        Workload("empty", "logreg", 16, (*_LIMITS, "granian@1", "hypercorn@1")),
        Workload("empty", "logreg", 1, _LIMITS),
        Workload("hot", "logreg", 16, (*_ONE, *_TWO)),
        Workload("unique", "logreg", 16, (*_ONE, *_TWO)),
        Workload("hundred", "logreg", 16, _ONE),
        Workload("hundred", "logreg", 1, _OURS),
        *_over("hot", "logreg", (1, 64), (*_OURS, *_CACHED, *_BATCHING)),
        *_over("unique", "logreg", (1, 64), (*_OURS, *_UNCACHED, *_BATCHING)),
        Workload("hot", "forest", 16, _ONE),
        Workload("unique", "forest", 16, (*_ONE, "triscore@2")),
        Workload("hundred", "forest", 16, _ONE),
        *_over("unique", "forest", (1, 64), (*_OURS, *_ONNX, *_UNCACHED, *_BATCHING)),
    ]


def quick() -> list[Workload]:
    """The workloads of the main marks."""
    return [
        Workload("empty", "logreg", 16, _LIMITS),
        Workload("hot", "logreg", 16, (*_OURS, *_CACHED, *_BATCHING)),
        Workload("unique", "logreg", 16, (*_OURS, *_UNCACHED, *_BATCHING)),
        Workload("hundred", "logreg", 16, ("triscore@1", "fastapi@1")),
        Workload("unique", "forest", 64, (*_OURS, "azureml@2", "bentoml@1")),
    ]


def matching(workloads: Iterable[Workload], pattern: str) -> list[Workload]:
    """The workloads whose id begins with the pattern, or that have a server of that name or id."""
    found = []
    for each in workloads:
        named = tuple(name for name in each.servers if pattern in (name, name.partition("@")[0]))
        if each.id.startswith(pattern):
            found.append(each)
        elif named:
            found.append(Workload(each.kind, each.model, each.connections, named))
    return found


def _over(
    kind: Kind, model: str, connections: tuple[int, ...], servers: tuple[str, ...]
) -> list[Workload]:
    return [Workload(kind, model, number, servers) for number in connections]
