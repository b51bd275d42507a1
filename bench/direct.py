"""What a model costs without any server: `python -m bench.direct FOLDER ROUNDS`, for `measure`.

A process of its own, so that it has one core and one thread as the servers have.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import orjson

from bench.bodies import data_at, plain
from bench.models import Model, rows
from bench.places import ROOT, SERVER_CORE
from bench.results import Figure
from bench.servers.server import ONE_THREAD

ROW, MANY, HUNDRED = "predict, 1 row", "predict, 10,000 rows", "read JSON and predict, 100 rows"
UNITS = {ROW: "us", MANY: "rows/s", HUNDRED: "ms"}

#: Each value is the mean of calls that take at least so long together.
LONG_ENOUGH_S = 0.1


def measure(model: Model, rounds: int) -> dict[str, Figure]:
    """One row, 10,000 at once, and 100 with the reading of their JSON."""
    command = ["taskset", "-c", str(SERVER_CORE), sys.executable, "-m", "bench.direct"]
    told = subprocess.run(
        [*command, str(model.folder), str(rounds)],
        env={"PYTHONPATH": str(ROOT), **ONE_THREAD},
        capture_output=True,
        check=True,
        timeout=120,
    )
    costs: dict[str, list[float]] = json.loads(told.stdout)
    return {f"{name}, {model.name}": Figure(UNITS[name], tuple(costs[name])) for name in UNITS}


def main() -> None:
    estimator = Model("", Path(sys.argv[1])).estimator()
    one, many, hundred = (rows(count, seed=5) for count in (1, 10_000, 100))
    body = data_at("").write(plain(hundred)).encode()

    def read_and_predict() -> None:
        estimator.predict(np.asarray(orjson.loads(body)["data"], dtype=np.float64))

    costs: dict[str, list[float]] = {name: [] for name in UNITS}
    for _ in range(int(sys.argv[2])):
        costs[ROW].append(_seconds(lambda: estimator.predict(one)) * 1e6)
        costs[MANY].append(len(many) / _seconds(lambda: estimator.predict(many)))
        costs[HUNDRED].append(_seconds(read_and_predict) * 1e3)
    print(json.dumps(costs))


def _seconds(call: Callable[[], object]) -> float:
    """Of one call, after one that warms up."""
    call()
    calls, began = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - began) < LONG_ENOUGH_S or not calls:
        call()
        calls += 1
    return elapsed / calls


if __name__ == "__main__":
    main()
