"""Compares the servers of one model: all run at once and are measured in turn, round by round."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any, Self

from bench.errors import BenchError
from bench.load import Generator, Load, write_bodies
from bench.places import WORK
from bench.results import Results
from bench.servers import checks
from bench.servers.field import FIELD
from bench.servers.server import Running, Server
from bench.servers.stage import Stage
from bench.workloads import Workload, bodies_of

Notify = Callable[[str], None]


class Comparison:
    """Starts the servers that the workloads name. Results list those that cannot take part.

    All servers run at once: one that is not measured is idle, and other work on the machine slows
    all servers of a round alike.
    """

    def __init__(
        self, stage: Stage, workloads: Sequence[Workload], results: Results, generator: Generator
    ) -> None:
        self._stage, self._workloads, self._results = stage, workloads, results
        self._generator = generator
        self._running: dict[str, Running] = {}
        self._cleanup = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for running in self._running.values():
            running.ask_to_stop()  # all at once, then wait for each
        self._cleanup.close()

    @property
    def runs_a_round(self) -> int:
        return sum(name in self._running for each in self._workloads for name in each.servers)

    def start(self, notify: Notify) -> None:
        """Start all servers at once, then wait for each and check its answers."""
        wanted = dict.fromkeys(name for each in self._workloads for name in each.servers)
        for name in wanted:
            if {name, self._named(name)} & set(self._results.absent):
                continue
            try:
                server = _build(name, self._stage)
                self._running[name] = self._cleanup.enter_context(Running(server))
            except BenchError as error:
                self._leave_out(name, error)
        estimator = self._stage.model.estimator()
        for name, running in list(self._running.items()):
            notify(f"starting {name}")
            self._admit(name, running, estimator)

    def round(self, number: int, seconds: int, notify: Notify) -> None:
        """Run each workload once on each of its servers. Round 0 warms up and does not count."""
        for workload in self._workloads:
            for name in in_turn(workload.servers, number):
                running = self._running.get(name)
                if running is None:
                    continue
                notify(f"{workload.id}  {name}")
                run = self._generator.run(self._load(workload, running.server), seconds=seconds)
                if number > 0:
                    self._results.add(workload.id, name, run)

    def _admit(self, name: str, running: Running, estimator: Any) -> None:
        try:
            running.wait_ready()
            checks.require_right(running.server, estimator)
        except BenchError as error:
            self._leave_out(name, error)
            del self._running[name]
            running.stop()

    def _leave_out(self, name: str, error: BenchError) -> None:
        self._results.absent[self._named(name)] = str(error)

    def _named(self, name: str) -> str:
        return f"{name} {self._stage.model.name}"

    def _load(self, workload: Workload, server: Server) -> Load:
        if server.dialect is None:
            return Load(server.url + server.ready, workload.connections, server.load_cores)
        file = WORK / "bodies" / f"{workload.kind}-{server.name}.txt"
        if not file.exists():
            write_bodies(file, bodies_of(workload.kind, server.dialect))
        url = server.url + server.dialect.path
        return Load(url, workload.connections, server.load_cores, file)


def in_turn[T](these: Sequence[T], number: int) -> list[T]:
    """The order of a round: each round begins with another item, and every second one is reversed.

    So no server is always measured after the same other one, which may still affect it.
    """
    first = number % len(these)
    if number % 2:
        return [*these[first::-1], *these[:first:-1]]
    return [*these[first:], *these[:first]]


def _build(server_id: str, stage: Stage) -> Server:
    name, _, workers = server_id.partition("@")
    return FIELD[name].build(stage, int(workers))
