"""`triscore bench`: measure the app beside its peers, and what follows from it."""

from __future__ import annotations

import signal
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from cli import output
from cli.errors import UsageError, require_clone

app = typer.Typer()

#: As bench.models.LABELS, which is slow to import; a test compares them.
Model = Literal["logreg", "forest"]


@app.callback(invoke_without_command=True)
def bench(
    context: typer.Context,
    *,
    quick: Annotated[
        bool, typer.Option("--quick", help="Measure the main marks, in about 4 minutes.")
    ] = False,
    only: Annotated[
        str,
        typer.Option(
            "--only",
            metavar="NAME",
            help="Measure a workload (unique, unique/forest, …), a server, limits, triggers, cold,"
            " batch, blobs, parse, broker, metrics.",
            show_default=False,
        ),
    ] = "",
    rounds: Annotated[
        int | None,
        typer.Option(
            "--rounds",
            min=1,
            help="Measurements of each, after one that warms up; without it 7, or 5 if quick.",
        ),
    ] = None,
    seconds: Annotated[
        int, typer.Option("--seconds", min=1, help="How long one measurement takes.")
    ] = 1,
    report: Annotated[
        bool,
        typer.Option(
            "--report", help="Write the pages again from the last full run; measure none."
        ),
    ] = False,
) -> int:
    """Measure the app beside its peers and limits: all of it, in about 45 minutes, or a part."""
    require_clone("triscore bench")
    if context.invoked_subcommand is not None:
        return 0
    if sum((quick, bool(only), report)) > 1:
        raise UsageError("--quick, --only and --report exclude one another: give one of them")
    from rich.console import Console

    try:
        from bench import plans, run
    except ModuleNotFoundError as error:
        raise UsageError(f"{error}: `make bench-quick` installs what it needs") from error
    if report:
        run.rewrite_pages()
        return 0
    if quick:
        plan = plans.quick(rounds, seconds)
    else:
        plan = plans.only(only, rounds, seconds) if only else plans.full(rounds, seconds)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    console = Console()
    try:
        run.measure(plan, console)
    except KeyboardInterrupt:
        console.print("Stopped; nothing was written.")
        raise
    return 0


@app.command()
def capacity(
    *,
    model: Annotated[
        Model, typer.Option("--model", help="The model that was measured.")
    ] = "logreg",
    hit_rate: Annotated[
        float,
        typer.Option("--hit-rate", min=0, max=1, help="The share of rows found in the cache."),
    ] = 0.0,
    memory_gb: Annotated[
        float, typer.Option("--memory-gb", min=0, help="The memory of an instance.")
    ] = 2.0,
    price_gb_second: Annotated[
        float, typer.Option("--price-gb-second", min=0, help="The price of a GB-second.")
    ] = 0.0,
    price_million_executions: Annotated[
        float,
        typer.Option(
            "--price-million-executions", min=0, help="The price of a million executions."
        ),
    ] = 0.0,
    results: Annotated[
        Path | None,
        typer.Option("--results", metavar="FILE", help="Results; without it bench/summary.json."),
    ] = None,
    as_json: output.JsonLines = False,
) -> int:
    """Print what one instance scores a second, and what a million scores cost."""
    from bench import capacity as capacities
    from bench import summary
    from bench.models import LABELS

    measured = capacities.read(results or summary.FILE)
    prices = capacities.Prices(memory_gb, price_gb_second, price_million_executions)
    if not as_json:
        date = measured.environment["date"]
        print(f"{LABELS[model]}, one worker on one core, measured {date}")
    for each in capacities.capacities(measured, model, hit_rate):
        cost = each.cost_a_million(prices) if price_gb_second else None
        document = asdict(each) | {"cost_a_million": cost}
        output.show(document, capacities.describe(each, prices), as_json=as_json)
    if not (as_json or price_gb_second):
        print("For what a million rows cost, give --price-gb-second.")
    return 0


@app.command()
def redis_memory(
    *,
    rows: Annotated[
        int, typer.Option("--rows", min=1, help="How many rows are stored of each kind.")
    ] = 100_000,
    as_json: output.JsonLines = False,
) -> int:
    """Measure the memory that a cached row takes in Redis."""
    from bench import redis_memory as memory

    for each in memory.measure_all(rows):
        output.show(asdict(each) | {"bytes_a_row": each.bytes_a_row}, each, as_json=as_json)
    return 0
