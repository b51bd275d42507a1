"""`triscore load`: how fast an app answers, computed anew and from its cache."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import output
from cli.running_app.options import LOCAL, Key, Url, read_rows

if TYPE_CHECKING:
    from cli.running_app.load_test import Measurement, Way

#: Below this share of the computed answer's time, a cached one is worth a lookup.
WORTH = 0.8
#: From this share of a core on, this command is the limit and not the app.
BUSY = 0.9
PERCENTILES = ("p50_ms", "p90_ms", "p99_ms")


def load(
    file: Annotated[
        str, typer.Argument(metavar="FILE|-", help="A request: the rows to send, or - for JSON.")
    ],
    *,
    seconds: Annotated[int, typer.Option("--seconds", min=1, help="Of each of the two ways.")] = 5,
    connections: Annotated[
        int, typer.Option("--connections", min=1, max=1000, help="That send at the same time.")
    ] = 8,
    url: Url = LOCAL,
    key: Key = "",
    as_json: output.Json = False,
) -> int:
    """Send a request again and again: what the cache saves. Exit code 1 if one failed."""
    import asyncio

    from cli.running_app.load_test import measure

    rows = read_rows(file)
    measured = asyncio.run(measure(rows, url, key, seconds, connections))
    verdict = _verdict(measured["computed"], measured["cached"])
    ways = {way: each.document() for way, each in measured.items()}
    failed = any(each.failures for each in measured.values())
    if as_json:
        output.show(ways | {"verdict": verdict}, "", as_json=True)
    else:
        _print_table(ways, verdict)
    return 1 if failed else 0


def _verdict(computed: Measurement, cached: Measurement) -> str:
    slow, fast = computed.percentile_ms(0.5), cached.percentile_ms(0.5)
    if slow is None or fast is None:
        return "Nothing was answered: see the failures."
    if not cached.caches["hit"]:
        return "The cache answers nothing of this request, so it saves nothing."
    if fast > slow * WORTH:
        return (
            f"The cache does not pay: a cached answer takes {fast:.1f} ms and a computed one"
            f" {slow:.1f} ms."
        )
    return (
        f"The cache pays: a cached answer takes {fast:.1f} ms instead of {slow:.1f} ms, so it saves"
        f" {1 - fast / slow:.0%} of the time of each request that repeats."
    )


def _print_table(ways: dict[Way, dict[str, Any]], verdict: str) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0))
    names = ("", "requests/s", "p50 ms", "p90 ms", "p99 ms", "answers", "failures")
    for name in names:
        table.add_column(name, justify="left" if name in ("", *names[5:]) else "right")
    for way, each in ways.items():
        table.add_row(
            way,
            f"{each['requests_per_s']:,.0f}",
            *("-" if ms is None else f"{ms:.1f}" for ms in map(each.get, PERCENTILES)),
            _counts(each["x_cache"]),
            _counts(each["failures"]) or "none",
        )
    console = Console()
    console.print(table)
    console.print(f"\n{verdict}", highlight=False)
    if max(each["own_cpu"] for each in ways.values()) > BUSY:
        console.print("This command used a whole core: the app may be faster than it says.")


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.items())
