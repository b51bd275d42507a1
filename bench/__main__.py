"""`python -m bench [--quick] [--only NAME]`: measure, and write down what was found."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from pathlib import Path

from rich.console import Console

from bench import report, workloads
from bench.errors import BenchError
from bench.places import BENCH, WORK
from bench.results import Results
from bench.session import Plan, Session
from local.emulators.errors import EmulatorError

RESULTS = BENCH / "results.json"


def main() -> int:
    given = _arguments()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _as_interrupt)
    console = Console()
    try:
        if given.report:
            report.write(Results.from_json(json.loads(RESULTS.read_text())), BENCH)
            return 0
        plan = _plan(given)
        results = Session(plan, console).run()
    except (BenchError, EmulatorError) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        console.print("Stopped; nothing was written.")
        return 130
    report.show(results, console)
    whole = not given.quick and not given.only
    _write(results, RESULTS if whole else WORK / "results.json", console)
    if whole:
        report.write(results, BENCH)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the main marks, in 3 minutes")
    parser.add_argument(
        "--only",
        metavar="NAME",
        default="",
        help="a workload (unique, unique/forest, …), a server, limits, doors or cold",
    )
    parser.add_argument("--rounds", type=int, help="measurements of each, after one that warms up")
    parser.add_argument("--seconds", type=int, default=1, help="how long one measurement takes")
    parser.add_argument("--report", action="store_true", help="only write the pages anew")
    return parser.parse_args()


def _plan(given: argparse.Namespace) -> Plan:
    rounds = given.rounds or (5 if given.quick else 7)
    if given.quick:
        return Plan(workloads.quick(), rounds, given.seconds, limits=False, doors=False, cold=False)
    if not given.only:
        return Plan(workloads.full(), rounds, given.seconds, limits=True, doors=True, cold=True)
    plan = Plan(
        workloads.matching(workloads.full(), given.only),
        *(rounds, given.seconds),
        limits=given.only == "limits",
        doors=given.only == "doors",
        cold=given.only == "cold",
    )
    if not (plan.workloads or plan.limits or plan.doors or plan.cold):
        known = sorted({each.id for each in workloads.full()})
        raise BenchError(f"--only {given.only}: there are {', '.join(known)}")
    return plan


def _write(results: Results, file: Path, console: Console) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(report.as_json(results), indent=1) + "\n")
    console.print(f"All of it: {file}")


def _as_interrupt(*_: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
