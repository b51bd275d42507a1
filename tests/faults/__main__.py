"""`python -m tests.faults`: makes parts of the app fail, and prints what was lost.

docs/faults.md says what each case tries.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tests.faults import broker_away, hostile, kills, overload, redis_faults, stopping
from tests.faults.outcome import Outcome, show

CASES: dict[str, Callable[..., None]] = {
    "kills": kills.kills,
    "Redis": redis_faults.redis_faults,
    "broker": broker_away.broker_away,
    "SIGTERM": stopping.stopping,
    "overload": overload.overload,
    "hostile": hostile.hostile,
}
#: Runs alone, because it needs the whole machine. The quick forms of the others mostly wait.
ALONE = "overload"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults")
    parser.add_argument("cases", nargs="*", help=f"of {', '.join(CASES)}; all of them by default")
    parser.add_argument("--quick", action="store_true", help="fewer of each, in about a minute")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    given = parser.parse_args()
    if unknown := set(given.cases) - CASES.keys():
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    # With CI set, a server that is not installed is a failure and not skipped.
    os.environ["CI"] = "true"
    chosen = given.cases or list(CASES)
    print(f"seed {given.seed}", flush=True)
    began = time.monotonic()

    def run(name: str) -> Outcome:
        return _run(name, quick=given.quick, seed=given.seed)

    together = [name for name in CASES if name in chosen and given.quick and name != ALONE]
    with ThreadPoolExecutor(max(1, len(together))) as pool:
        outcomes = dict(zip(together, pool.map(run, together), strict=True))
    outcomes |= {name: run(name) for name in CASES if name in chosen and name not in together}
    show([outcomes[name] for name in CASES if name in outcomes])
    print(f"{time.monotonic() - began:.0f} s, seed {given.seed}")
    return int(not all(each.holds for each in outcomes.values()))


def _run(name: str, *, quick: bool, seed: int) -> Outcome:
    outcome, began = Outcome(name), time.monotonic()
    print(f"{name} …", flush=True)
    try:
        CASES[name](outcome, quick=quick, seed=seed)
    except Exception as error:  # noqa: BLE001 - the other cases are still worth running
        traceback.print_exc()
        outcome.fault(f"{type(error).__name__}: {error}", "the case itself raised")
    outcome.seconds = time.monotonic() - began
    return outcome


if __name__ == "__main__":
    sys.exit(main())
