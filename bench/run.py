"""Measures what a plan asks for, shows it, and writes the files."""

from __future__ import annotations

import json
from pathlib import Path

from rich.console import Console

from bench import report, summary
from bench.errors import BenchError
from bench.places import BENCH, WORK
from bench.plans import Plan
from bench.results import Results
from bench.session import Session

#: Everything that the last full run measured; bench/summary.json is what the repository keeps.
FULL = WORK / "results.json"
#: The same of the last run that measured a part.
PART = WORK / "part.json"


def measure(plan: Plan, console: Console) -> None:
    """Run a plan. Only a full run rewrites the pages. Raises BenchError, EmulatorError."""
    results = Session(plan, console).run()
    report.show(results, console)
    file = FULL if plan.is_full else PART
    _write(results, file)
    console.print(f"Everything that was measured: {file}")
    if plan.is_full:
        report.write(results, BENCH)
        summary.write(results, summary.FILE)


def rewrite_pages() -> None:
    """Write the pages again from the last full run. Raises BenchError where there was none."""
    if not FULL.is_file():
        raise BenchError(f"{FULL} is not there: `make bench` writes it")
    results = Results.from_json(json.loads(FULL.read_text()))
    report.write(results, BENCH)
    summary.write(results, summary.FILE)


def _write(results: Results, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(report.as_json(results), indent=1) + "\n")
