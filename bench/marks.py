"""The marks: ratios within one run that the project promises."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

from bench import batch_files, broker, cold_start, metrics_cost, parse, small_blobs
from bench.batch_files import BatchFile, Format
from bench.measures import (
    ALONE,
    Measure,
    ahead,
    beyond_predict,
    beyond_the_model,
    counting,
    figure,
    figures,
    ratio,
    tail,
    without_runtime,
    workers,
    workers_load_aside,
    worst_memory,
)
from bench.models import TRAINERS
from bench.results import Results
from bench.triggers import PROCESSOR

type Sign = Literal[">=", ">", "<=", "<"]

#: The workloads in which p99 may not be above the best peer's.
AT_16 = [f"{kind}/{model}/16" for model in TRAINERS for kind in ("hot", "unique", "hundred")]


@dataclass(frozen=True, slots=True)
class Mark:
    """A ratio, or a time, and its bound."""

    name: str
    sign: Sign
    bound: float
    measure: Measure
    unit: str = ""

    def outcome(self, results: Results) -> Outcome:
        measured = self.measure(results)
        holds = None if measured is None else _COMPARE[self.sign](measured, self.bound)
        return Outcome(self.name, f"{self.sign} {self.bound:g}", measured, holds, self.unit)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A mark and its measured value; None if something that it needs was not measured."""

    name: str
    mark: str
    measured: float | None
    holds: bool | None
    unit: str

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


_COMPARE: dict[str, Callable[[float, float], bool]] = {
    ">=": lambda measured, bound: measured >= bound,
    ">": lambda measured, bound: measured > bound,
    "<=": lambda measured, bound: measured <= bound,
    "<": lambda measured, bound: measured < bound,
}


def outcomes(results: Results) -> list[Outcome]:
    """Every mark. Each workload that ran with and without the cache has one more, and each large
    batch that was measured.
    """
    large = [
        each for each in _batch_marks(_LARGE_BATCHES) if each.outcome(results).measured is not None
    ]
    return [mark.outcome(results) for mark in (*MARKS, *large, *_cache_marks(results))]


_EMPTY, _HOT = ("empty/16", "empty-function@1"), "hot/logreg/16"
_UNIQUE, _FOREST = "unique/logreg/16", "unique/forest/64"
_SINGLE, _HUNDRED = "unique/forest/1", "hundred/logreg/16"

#: How often a batch must be as fast as a hand-written script.
_BATCHES: tuple[tuple[Format, str, float], ...] = (
    ("csv", "10mb", 2),
    ("csv", "100mb", 3),
    ("jsonl", "100mb", 3),
    ("parquet", "100mb", 1.5),
)
#: Of the files that are measured on request.
_LARGE_BATCHES: tuple[tuple[Format, str, float], ...] = (("csv", "1gb", 3), ("parquet", "1gb", 1.5))


MESSAGES, LONGER_MESSAGES = "messages, triscore", "messages of 10 rows, triscore"

#: Of 100,000 messages of 1 KB.
_BROKER: tuple[tuple[str, Sign, float, str], ...] = (
    (broker.SENT, ">=", 4000, "messages/s"),
    (broker.RECEIVED, ">=", 2000, "messages/s"),
    (broker.MEMORY, "<", 100, "MB"),
    (broker.FILE, "<", 10, "MB"),
)


def _batch_marks(bounds: Iterable[tuple[Format, str, float]]) -> Iterator[Mark]:
    for form, size, bound in bounds:
        file = BatchFile(form, size)
        faster = figures(batch_files.script(file), batch_files.ours(file))
        yield Mark(f"{file.id}, script / triscore", ">=", bound, faster)


MARKS: tuple[Mark, ...] = (
    Mark("empty function / bare server", ">=", 0.40, ratio(_EMPTY, ("empty/16", "bare@1"))),
    Mark("hot / empty function", ">=", 0.75, ratio((_HOT, "triscore@1"), _EMPTY)),
    *(
        Mark(f"hot / {peer}", ">=", bound, ratio((_HOT, "triscore@1"), (_HOT, peer)))
        for peer, bound in (
            *(("fastapi-cache@1", 2), ("azureml-cache@2", 5)),
            *(("bentoml@1", 10), ("mlserver@1", 5)),
        )
    ),
    Mark("unique logreg / empty function", ">=", 0.55, ratio((_UNIQUE, "triscore@1"), _EMPTY)),
    Mark(
        *("unique logreg / fastapi@1", ">=", 1.3),
        ratio((_UNIQUE, "triscore@1"), (_UNIQUE, "fastapi@1")),
    ),
    Mark("unique logreg / best peer", ">", 1, ahead(_UNIQUE, "triscore@1")),
    *(
        Mark(
            f"unique forest / {peer}", ">=", bound, ratio((_FOREST, "triscore@1"), (_FOREST, peer))
        )
        for peer, bound in (("azureml@2", 10), ("bentoml@1", 4))
    ),
    Mark(
        *("unique forest, ONNX, 1 connection / azureml@2", ">=", 15),
        ratio((_SINGLE, "triscore-onnx@1"), (_SINGLE, "azureml@2")),
    ),
    Mark(
        *("unique logreg, 1 connection, cache off / fastapi@1", ">=", 1.1),
        ratio((ALONE, "triscore-off@1"), (ALONE, "fastapi@1")),
    ),
    Mark(
        *("unique logreg, 1 connection, cache off, without the runtime / fastapi@1", ">=", 1.1),
        without_runtime,
    ),
    Mark("100 rows logreg / best peer", ">", 1, ahead(_HUNDRED, "triscore@1")),
    Mark("100 rows logreg, beyond JSON and predict", "<", 0.5, beyond_the_model, "ms"),
    *(Mark(f"p99 {each} / best peer", "<=", 1, tail(each, "triscore@1")) for each in AT_16),
    *(
        Mark(f"{form} of {size:,} rows, beyond predict / bare parse", "<=", 1.5, beyond)
        for size in parse.SIZES
        for form in parse.FORMATS
        for beyond in (beyond_predict(form, size),)
    ),
    *(
        Mark(f"metrics, share of a request, {kind}", "<", 3, counting(kind), "%")
        for kind in metrics_cost.KINDS
    ),
    *_batch_marks(_BATCHES),
    Mark("batch, memory above the idle worker", "<", 256, worst_memory, "MB"),
    Mark(
        "HTTP p99 during a batch / idle", "<=", 3, figures(batch_files.DURING, batch_files.BEFORE)
    ),
    Mark("a blob of 10 rows", "<=", 25, figure(small_blobs.OURS), "ms"),
    Mark("messages", ">=", 1800, figure(MESSAGES), "messages/s"),
    Mark(PROCESSOR, "<=", 0.25, figure(f"{PROCESSOR}, triscore"), "ms"),
    Mark("messages of 10 rows / 1 row", ">=", 2 / 3, figures(LONGER_MESSAGES, MESSAGES)),
    *(Mark(name, sign, bound, figure(name), unit) for name, sign, bound, unit in _BROKER),
    Mark("2 workers / 1, hot", ">=", 1.7, workers(_HOT)),
    Mark("2 workers / 1, hot, load aside", ">=", 1.7, workers_load_aside(_HOT)),
    Mark("2 workers / 1, unique logreg", ">=", 1.7, workers(_UNIQUE)),
    Mark("2 workers / 1, unique logreg, load aside", ">=", 1.7, workers_load_aside(_UNIQUE)),
    Mark("first hit / import and load", "<=", 0.4, figures(cold_start.HIT, cold_start.BARE)),
    Mark("first miss / import and load", "<=", 1.25, figures(cold_start.MISS, cold_start.BARE)),
    Mark("memory / import and load", "<=", 1.15, figures(cold_start.MISS_MB, cold_start.BARE_MB)),
)


def _cache_marks(results: Results) -> Iterator[Mark]:
    for on, off in (
        ("triscore@1", "triscore-off@1"),
        ("triscore-onnx@1", "triscore-onnx-off@1"),
    ):
        for workload, server in results.http:
            if server == on:
                name = f"cache on / off, {workload}" + (", ONNX" if "onnx" in on else "")
                yield Mark(name, ">=", 0.97, ratio((workload, on), (workload, off)))
    for what in ("messages", "blob rows"):
        name = f"cache on / off, {what}"
        yield Mark(name, ">=", 0.97, figures(f"{what}, triscore", f"{what}, triscore-off"))
