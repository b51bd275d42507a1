"""`triscore load`: how fast an app answers, computed anew and from its cache."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import output
from cli.errors import UsageError
from cli.running_app.options import Key, Url, find_key
from cli.running_app.rows import ContentType, File, Rows
from cli.running_app.running_here import find_url

if TYPE_CHECKING:
    from cli.running_app.load_run import Measurement, Way

#: Below this share of the app's time for computed answers, the lookups are worth it.
WORTH = 0.8
#: From this share of a core on, this command is the limit and not the app.
BUSY = 0.9
PERCENTILES = ("p50_ms", "p90_ms", "p99_ms")
LABELS = ("requests/s", "p50 ms", "p90 ms", "p99 ms", "in the app, ms", "answers")


def load(
    file: File,
    *,
    content_type: ContentType = "",
    by_row: Annotated[
        bool,
        typer.Option(
            "--by-row", help="Each row of a .jsonl or .json file is a request, in their order."
        ),
    ] = False,
    seconds: Annotated[int, typer.Option("--seconds", min=1, help="Of each of the two ways.")] = 5,
    connections: Annotated[
        int, typer.Option("--connections", min=1, max=1000, help="That send at the same time.")
    ] = 8,
    url: Url = None,
    key: Key = "",
    as_json: output.Json = False,
) -> int:
    """Send a file's rows again and again: what the cache saves. Exit code 1 if one failed."""
    from cli.running_app.load_run import measure

    rows = Rows.find(file, content_type)
    if not rows.content:
        raise UsageError(f"{rows.name} is empty: a load test needs rows")
    bodies = _split(rows) if by_row else [rows.content]
    url = find_url(url)
    measured = measure(rows, bodies, url, find_key(key, url), seconds, connections)
    verdict = _verdict(measured["computed"], measured["cached"])
    ways = {way: each.document() for way, each in measured.items()}
    failed = any(each.failures for each in measured.values())
    if as_json:
        output.show(ways | {"verdict": verdict}, "", as_json=True)
    else:
        _print_table(ways, verdict)
    return 1 if failed else 0


def _split(rows: Rows) -> list[bytes]:
    """A body for each row. Raises UsageError."""
    import orjson

    from inference.rows import media_types

    form = media_types.known_format(rows.content_type, b"")
    if rows.encoding or form not in (media_types.JSON, media_types.JSON_LINES):
        raise UsageError(f"--by-row takes .jsonl or .json, not {rows.name}")
    if form == media_types.JSON_LINES:
        bodies = [line for line in rows.content.splitlines() if line.strip()]
    else:
        bodies = [orjson.dumps([row]) for row in _read_list(rows)]
    if not bodies:
        raise UsageError(f"{rows.name} has no rows")
    return bodies


def _read_list(rows: Rows) -> list[Any]:
    """The rows of a JSON document. Raises UsageError."""
    import orjson

    try:
        document = orjson.loads(rows.content)
    except orjson.JSONDecodeError as error:
        raise UsageError(f"{rows.name} is not JSON: {error}") from error
    if isinstance(document, dict):
        document = document.get("data")
    if not isinstance(document, list):
        raise UsageError(f'{rows.name}: expected a list of rows, or {{"data": [...]}}')
    return document


def _verdict(computed: Measurement, cached: Measurement) -> str:
    slow, fast = computed.mean_in_app_ms, cached.mean_in_app_ms
    if slow is None or fast is None:
        return "Nothing was answered: see the failures."
    if not cached.caches["hit"]:
        return "The cache answered none of these requests, so it saves nothing."
    pays = "pays" if fast < slow * WORTH else "does not pay"
    share = cached.caches["hit"] / cached.caches.total()
    return (
        f"The cache {pays}: it answered {share:.0%} of the requests. The app spends"
        f" {_milliseconds(fast)} ms on a request with it, and {_milliseconds(slow)} ms without."
    )


def _milliseconds(found: float | None) -> str:
    if found is None:
        return "-"
    return f"{found:.1f}" if found >= 1 else f"{found:.2g}"


def _print_table(ways: dict[Way, dict[str, Any]], verdict: str) -> None:
    from rich.table import Table

    table = Table("", box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for way in ways:
        table.add_column(way, justify="right")
    for label, *values in zip(LABELS, *map(_figures, ways.values()), strict=True):
        table.add_row(label, *values)
    console = output.console()
    console.print(table)
    console.print(f"\n{verdict}", highlight=False)
    if max(each["own_cpu"] for each in ways.values()) > BUSY:
        console.print("This command used a whole core: the app may be faster than it says.")


def _figures(measured: dict[str, Any]) -> list[str]:
    """As LABELS names them."""
    times = [_milliseconds(measured[name]) for name in (*PERCENTILES, "in_app_ms")]
    counts = [f"{count:,} {name}" for name, count in measured["x_cache"].items()]
    counts += [f"HTTP {status}: {count:,}" for status, count in measured["failures"].items()]
    return [f"{measured['requests_per_s']:,.0f}", *times, ", ".join(counts)]
