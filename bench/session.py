"""One run of the bench, from its set-up to its results."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from bench import (
    batch,
    broker,
    cold_start,
    direct,
    environments,
    machine,
    metrics_cost,
    models,
    parse,
    redis_store,
    runtime_share,
    small_blobs,
    triggers,
)
from bench.comparison import Comparison
from bench.errors import BenchError
from bench.load import Generator
from bench.models import Model
from bench.places import WORK
from bench.plans import Plan
from bench.redis_store import RedisStore
from bench.results import Results
from bench.servers.field import ENVIRONMENTS, FIELD
from bench.servers.stage import DATABASES, Stage
from local.emulators.ports import HOST

PROGRAMS = {"wrk": "wrk", "redis-server": "redis-server", "redis-benchmark": "redis-tools"}

#: Server and load generator need a core each.
CORES = 2

#: Rounds of measurements that take seconds each: blobs, messages, cold starts, redis-benchmark.
SLOW_ROUNDS = 5
#: Rounds of those that take a minute each: large files, and thousands of small blobs.
SLOWEST_ROUNDS = 3

Notify = Callable[[str], None]


class Session:
    """Sets up, measures and stops everything. Raises BenchError, EmulatorError."""

    def __init__(self, plan: Plan, console: Console) -> None:
        self._plan = plan
        self._results = Results()
        self._progress = Progress(
            SpinnerColumn(finished_text="[green]✓"),
            TextColumn("{task.description:14}"),
            BarColumn(20),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("[dim]{task.fields[line]}"),
            console=console,
            refresh_per_second=2,  # what draws the bar must not show in what is measured
        )

    def run(self) -> Results:
        if len(os.sched_getaffinity(0)) < CORES:
            raise BenchError(f"the bench needs {CORES} cores: one for a server, one for its load")
        shutil.rmtree(WORK / "bodies", ignore_errors=True)
        with self._progress:
            self._bring_environments()
            trained = {name: models.bring(name) for name in self._plan.models}
            self._results.environment = machine.environment() | {
                "rounds": self._plan.rounds,
                "seconds": self._plan.seconds,
            }
            if self._plan.limits:
                self._limits(trained)
            if self._plan.parse:
                self._parse(trained["logreg"])
            if self._plan.broker:
                self._broker()
            generator = Generator()
            with RedisStore() as redis:
                for model in trained.values():
                    self._compare(model, redis, generator)
                # The last database: the compared servers use them from the first on.
                url = f"redis://{HOST}:{redis.port}/{DATABASES - 1}"
                if self._plan.metrics:
                    self._metrics(trained["logreg"], url)
                if self._plan.cold:
                    self._cold_starts(trained["logreg"], url)
            self._blobs_and_messages(trained["logreg"])
        return self._results

    def _bring_environments(self) -> None:
        """Make the environments that this run needs. A peer without one is left out."""
        notify, step = self._task("Peers", 1 + len(ENVIRONMENTS))
        environments.require_programs(PROGRAMS, notify)
        step()
        for environment in ENVIRONMENTS:
            names = [name for name, each in FIELD.items() if each.environment == environment]
            if self._plan.servers & set(names):
                notify(environment.name)
                try:
                    environment.bring()
                except BenchError as error:
                    for name in names:
                        self._results.absent |= {f"{name}@{n}": str(error) for n in (1, 2)}
            step()
        notify("")

    def _limits(self, trained: Mapping[str, Model]) -> None:
        """Measure the models and Redis without any server."""
        notify, step = self._task("Limits", len(trained) + 2)
        for model in trained.values():
            notify(f"{model.name} without a server")
            self._results.figures |= direct.measure(model, SLOW_ROUNDS)
            step()
        notify("where a request of one row spends its time")
        self._results.figures |= runtime_share.measure(trained["logreg"], SLOW_ROUNDS)
        step()
        notify("redis-benchmark")
        self._results.figures |= redis_store.limits(SLOW_ROUNDS)
        step()
        notify("")

    def _compare(self, model: Model, redis: RedisStore, generator: Generator) -> None:
        mine = [each for each in self._plan.workloads if each.model == model.name]
        if not mine:
            return
        notify, step = self._task(model.name, self._plan.rounds + 1)
        stage = Stage.at(
            model,
            self._accelerated(model),
            redis_port=redis.port,
            folder=WORK / "run" / model.name,
        )
        with Comparison(stage, mine, self._results, generator) as comparison:
            comparison.start(notify)
            for number in range(self._plan.rounds + 1):
                comparison.round(number, self._plan.seconds, notify)
                step()
        notify("")

    def _accelerated(self, model: Model) -> Model | None:
        if not any("onnx" in name for name in self._plan.servers):
            return None
        try:
            return models.accelerated(model)
        except BenchError as error:
            for name in ("triscore-onnx@1", "triscore-onnx-off@1"):
                self._results.absent[f"{name} {model.name}"] = str(error)
            return None

    def _metrics(self, model: Model, redis_url: str) -> None:
        def measure(notify: Notify) -> None:
            notify("requests with and without metrics")
            self._results.figures |= metrics_cost.measure(model, redis_url, SLOW_ROUNDS)

        self._step("Metrics", "metrics", measure)

    def _cold_starts(self, model: Model, redis_url: str) -> None:
        self._step(
            "Cold start",
            "cold start",
            lambda notify: cold_start.measure(model, redis_url, SLOW_ROUNDS, self._results, notify),
        )

    def _parse(self, model: Model) -> None:
        def measure(notify: Notify) -> None:
            notify("requests of many rows in each format")
            self._results.figures |= parse.measure(model, SLOW_ROUNDS)

        self._step("Parse", "parse", measure)

    def _broker(self) -> None:
        def measure(notify: Notify) -> None:
            self._results.figures |= broker.measure(notify)

        self._step("Broker", "broker", measure)

    def _blobs_and_messages(self, model: Model) -> None:
        plan, results = self._plan, self._results
        rounds = min(plan.rounds, SLOWEST_ROUNDS)
        if plan.triggers:
            self._step(
                "Triggers",
                "messages and blobs",
                lambda notify: triggers.measure(model, SLOW_ROUNDS, results, notify),
            )
        if plan.blobs:
            self._step(
                "Small blobs",
                "small blobs",
                lambda notify: small_blobs.measure(model, rounds, results, notify),
            )
        if plan.batch:
            integers = models.bring_integers()
            self._step(
                "Batch",
                "batch",
                lambda notify: batch.measure(integers, plan.batch, rounds, results, notify),
            )

    def _step(self, title: str, what: str, measure: Callable[[Notify], None]) -> None:
        """Run a measurement that is no comparison of servers. Results list one that fails."""
        notify, step = self._task(title, 1)
        try:
            measure(notify)
        except BenchError as error:
            self._results.absent[what] = str(error)
        step()
        notify("")

    def _task(self, title: str, total: int) -> tuple[Notify, Callable[[], None]]:
        task = self._progress.add_task(title, total=total, line="")
        return (
            lambda line: self._progress.update(task, line=line),
            lambda: self._progress.advance(task),
        )
