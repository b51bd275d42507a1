"""`triscore stats` and `triscore watch`: what an app has done, and what it does."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import output
from cli.running_app import figures
from cli.running_app.options import Key, Url, find_key
from cli.running_app.running_here import find_url

if TYPE_CHECKING:
    from rich.table import Table

    from cli.running_app.figures import Sample

_CALL = "triscore_model_call_duration_seconds"


def stats(*, url: Url = None, key: Key = "", as_json: output.Json = False) -> int:
    """Print what the instance that answers has done since it started."""
    document = _look(find_url(url), key)
    if as_json:
        output.show(document, "", as_json=True)
    else:
        output.console().print(_table(document, {}))
    return 0


def watch(
    *,
    every_s: Annotated[
        float, typer.Option("--every", metavar="SECONDS", min=0.2, help="Between two looks.")
    ] = 2.0,
    count: Annotated[
        int, typer.Option("--count", min=0, help="End after so many looks; 0: never.")
    ] = 0,
    url: Url = None,
    key: Key = "",
    as_json: output.JsonLines = False,
) -> int:
    """Show what an app does, until Ctrl-C."""
    from triscore_client import AppUnavailable

    url = find_url(url)
    meter, has_queue, looks = Meter(), True, 0
    with _screen(as_json=as_json) as show:
        while True:
            try:
                document = _look(url, key, with_queue=has_queue)
            except AppUnavailable as error:
                if not looks:
                    raise
                show({"error": str(error)}, str(error))
            else:
                # A namespace that does not answer would delay every look.
                has_queue = document["queue"] is not None
                show(document, _table(document, meter.read(document, time.monotonic())))
            looks += 1
            if looks == count:
                return 0
            time.sleep(every_s)


@contextmanager
def _screen(*, as_json: bool) -> Iterator[Callable[[dict[str, Any], Any], None]]:
    """A function that shows a look: over the last one in a terminal, else below it."""
    from rich.live import Live

    console = output.console()
    if as_json:
        yield lambda document, _: output.show(document, "", as_json=True)
    elif console.is_terminal:
        with Live(console=console, auto_refresh=False) as live:
            yield lambda _, shown: live.update(shown, refresh=True)
    else:
        yield lambda _, shown: console.print(shown, "")


def _look(url: str, key: str, *, with_queue: bool = True) -> dict[str, Any]:
    from cli.running_app.queue_depth import describe_input

    queue = describe_input(url) if with_queue else ""
    return _document(_samples(url, key)) | {"queue": queue or None}


class Meter:
    """Requests per second between two looks at one instance.

    An app may have several instances, and a look reaches any of them: each has its own counters.
    """

    def __init__(self) -> None:
        self._seen: dict[str | None, tuple[float, dict[str, int]]] = {}

    def read(self, document: dict[str, Any], now_s: float) -> dict[str, float]:
        """The rates by trigger, since the instance was last seen. None of one that starts anew."""
        counts = {trigger: sum(each.values()) for trigger, each in document["requests"].items()}
        then_s, before = self._seen.get(document["host"], (now_s, {}))
        self._seen[document["host"]] = now_s, counts
        return {
            trigger: (counts[trigger] - earlier) / (now_s - then_s)
            for trigger, earlier in before.items()
            if counts.get(trigger, 0) >= earlier and now_s > then_s
        }


def _samples(url: str, key: str) -> list[Sample]:
    from triscore_client import Client

    with Client(url, key=find_key(key, url), timeout_s=10) as client:
        return figures.read_samples(client.metrics())


def _document(samples: list[Sample]) -> dict[str, Any]:
    """The figures by name. A share or a time is null where there is nothing to tell it from."""
    requests = "triscore_requests_total"
    caches = figures.values_of(samples, "triscore_cache_lookups_total", "cache")
    calls = figures.total(samples, f"{_CALL}_count")
    rows = figures.total(samples, "triscore_model_call_rows_sum")
    return {
        "host": next((s.labels["host"] for s in samples if "host" in s.labels), None),
        "workers": int(figures.total(samples, "triscore_workers")),
        "model": next((s.labels["name"] for s in samples if s.name == "triscore_model_info"), None),
        "ready": figures.total(samples, "triscore_model_ready") == 1,
        "cache_up": figures.total(samples, "triscore_cache_up") == 1,
        "requests": {
            trigger: {
                status: int(figures.total(samples, requests, trigger=trigger, status=status))
                for status in figures.values_of(samples, requests, "status")
                if figures.total(samples, requests, trigger=trigger, status=status)
            }
            for trigger in figures.values_of(samples, requests, "trigger")
        },
        "hit_rate": {cache: _or_none(figures.hit_rate(samples, cache)) for cache in caches},
        "model_calls": int(calls),
        "rows_per_call": rows / calls if calls else None,
        "call_p50_ms": _milliseconds(figures.quantile(samples, _CALL, 0.5)),
        "call_p99_ms": _milliseconds(figures.quantile(samples, _CALL, 0.99)),
        "pending": int(figures.total(samples, "triscore_pending_answers")),
        "memory_mb": round(figures.total(samples, "process_resident_memory_bytes") / 1e6),
    }


def _table(document: dict[str, Any], rates: dict[str, float]) -> Table:
    from rich.table import Table

    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0), pad_edge=False)
    state = "ready" if document["ready"] else "not ready"
    table.add_row("Model", f"{document['model']}, {state}")
    table.add_row("Cache", "up" if document["cache_up"] else "away or none")
    for trigger, counts in document["requests"].items():
        table.add_row(f"Requests, {trigger}", _requests(counts, rates.get(trigger)))
    for cache, share in document["hit_rate"].items():
        table.add_row(f"Hits, {cache}", "no lookups" if share is None else f"{share:.0%}")
    if document["model_calls"]:
        table.add_row("Model calls", _calls(document))
    table.add_row("Pending", f"{document['pending']:,}")
    if document["queue"]:
        name, _, depth = document["queue"].rpartition(": ")
        table.add_row(name.capitalize(), depth)
    table.add_row("Memory", f"{document['memory_mb']:,} MB")
    return table


def _requests(counts: dict[str, int], rate: float | None) -> str:
    # A status of HTTP is a number: 2 200 would read as one.
    told = [f"{n:,} {'x ' * status.isdigit()}{status}" for status, n in counts.items()]
    line = ", ".join(told) or "none"
    return line if rate is None else f"{line}   {rate:,.0f}/s"


def _calls(document: dict[str, Any]) -> str:
    return (
        f"{document['model_calls']:,} with {document['rows_per_call']:.1f} rows each, "
        f"p50 {document['call_p50_ms']:.1f} ms, p99 {document['call_p99_ms']:.1f} ms"
    )


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value


def _milliseconds(seconds: float) -> float | None:
    return _or_none(seconds * 1000)
