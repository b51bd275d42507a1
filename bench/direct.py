"""What the model costs without any server: `python -m bench.direct FOLDER` prints it as JSON.

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
from bench.servers.server import ONE_THREAD

#: Each figure is the mean of calls that take at least so long together.
LONG_ENOUGH_S = 0.2


def measure(model: Model) -> dict[str, float]:
    """`row_us` for one row; `many_rows_s` at 10,000 at once; `hundred_ms` with the JSON read."""
    command = ["taskset", "-c", str(SERVER_CORE), sys.executable, "-m", "bench.direct"]
    told = subprocess.run(
        [*command, str(model.folder)],
        env={"PYTHONPATH": str(ROOT), **ONE_THREAD},
        capture_output=True,
        check=True,
        timeout=120,
    )
    costs: dict[str, float] = json.loads(told.stdout)
    return costs


def main() -> None:
    estimator = Model("", Path(sys.argv[1])).estimator()
    one, many, hundred = (rows(count, seed=5) for count in (1, 10_000, 100))
    body = data_at("").write(plain(hundred)).encode()

    def read_and_predict() -> None:
        estimator.predict(np.asarray(orjson.loads(body)["data"], dtype=np.float64))

    costs = {
        "row_us": _seconds(lambda: estimator.predict(one)) * 1e6,
        "many_rows_s": len(many) / _seconds(lambda: estimator.predict(many)),
        "hundred_ms": _seconds(read_and_predict) * 1e3,
    }
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
