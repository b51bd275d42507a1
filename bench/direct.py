"""Measures a model without any server. `measure` runs this module as a process.

The process has one core and one thread, as the servers have.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import orjson

from bench import own_process
from bench.bodies import data_at, plain
from bench.models import Model, rows
from bench.results import Figure

ROW, MANY, HUNDRED = "predict, 1 row", "predict, 10,000 rows", "read JSON and predict, 100 rows"
UNITS = {ROW: "us", MANY: "rows/s", HUNDRED: "ms"}

#: Each value is the mean of calls that take at least this long together.
LONG_ENOUGH_S = 0.1


def measure(model: Model, rounds: int) -> dict[str, Figure]:
    """Predict one row, 10,000 rows at once, and 100 rows including the parsing of their JSON."""
    costs: dict[str, list[float]] = own_process.run(
        *("bench.direct", str(model.folder), str(rounds)), timeout_s=120, failed="bench.direct"
    )
    return {f"{name}, {model.name}": Figure(UNITS[name], tuple(costs[name])) for name in UNITS}


def main() -> None:
    estimator = Model("", Path(sys.argv[1])).estimator()
    one, many, hundred = (rows(count, seed=5) for count in (1, 10_000, 100))
    body = data_at("").write(plain(hundred)).encode()

    def read_and_predict() -> None:
        estimator.predict(np.asarray(orjson.loads(body)["data"], dtype=np.float64))

    costs: dict[str, list[float]] = {name: [] for name in UNITS}
    for _ in range(int(sys.argv[2])):
        costs[ROW].append(seconds(lambda: estimator.predict(one)) * 1e6)
        costs[MANY].append(len(many) / seconds(lambda: estimator.predict(many)))
        costs[HUNDRED].append(seconds(read_and_predict) * 1e3)
    print(json.dumps(costs))


def seconds(call: Callable[[], object]) -> float:
    """The duration of one call, after one to warm up."""
    call()
    calls, began = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - began) < LONG_ENOUGH_S or not calls:
        call()
        calls += 1
    return elapsed / calls


if __name__ == "__main__":
    main()
