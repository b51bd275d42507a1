"""Writes results as tables on a terminal, as Markdown and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import marks, plots
from bench.marks import Outcome
from bench.models import LABELS
from bench.results import Results
from bench.servers.field import FIELD, label

#: The text of README.md between these markers is replaced; the text around them stays.
BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"

#: Above this use of its core, the load generator limits what it measures.
BUSY = 0.9

CONNECTIONS = (1, 16, 64)

Line = Sequence[str]


def as_json(results: Results) -> dict[str, Any]:
    """The results, and every ratio with its name."""
    return results.as_json() | {"ratios": [each.as_json() for each in marks.outcomes(results)]}


def write(results: Results, folder: Path) -> None:
    """Write the tables into README.md, and the plots beside it."""
    drawn = plots.draw(results, folder)
    readme = folder / "README.md"
    readme.write_text(replaced(readme.read_text(), markdown(results, drawn)))


def replaced(page: str, body: str) -> str:
    """The page with a new body between its markers. Raises ValueError if it has no markers."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"README.md has no {BEGIN} … {END}")
    return f"{before}{BEGIN}\n\n{body.strip()}\n\n{END}{after}"


def show(results: Results, console: Console) -> None:
    """Print the main tables. Marks that were not measured are in the README's table alone."""
    measured = [each for each in marks.outcomes(results) if each.measured is not None]
    for title, lines in (
        ("Marks", list(_marks(measured))),
        ("Requests a second, 16 connections", list(_at_16(results, "rate"))),
        ("p99 at 16 connections, ms", list(_at_16(results, "p99_ms"))),
        ("Requests a second by connections", list(_over(results))),
        ("Other measurements", list(_figures(results))),
        ("Left out or disqualified", list(_left_out(results))),
    ):
        if len(lines) < 2:
            continue
        table = Table(*lines[0], title=title, title_justify="left")
        for line in lines[1:]:
            table.add_row(*line)
        console.print(table)


def markdown(results: Results, drawn: Sequence[Path]) -> str:
    """All tables and plots, as Markdown."""
    pictures = {each.stem: f"![{each.stem}]({each.name})" for each in drawn}
    parts = [
        _introduction(results),
        *("### Marks", pictures.get("marks", ""), _table(_marks(marks.outcomes(results)))),
        *("### Requests a second, 16 connections", pictures.get("throughput", "")),
        _table(_at_16(results, "rate")),
        *("### The slowest hundredth: p99 at 16 connections, ms", pictures.get("latency", "")),
        _table(_at_16(results, "p99_ms")),
        *("### Requests a second over 1, 16 and 64 connections", _table(_over(results))),
        *("### Limits, messages, blobs, cold start", _table(_figures(results))),
        *("### The load generator's own limit", _table(_ceilings(results))),
        *("### Left out or disqualified", _table(_left_out(results)) or "Nobody."),
        *("### Versions", _table(_versions(results))),
    ]
    return "\n\n".join(part for part in parts if part)


def _introduction(results: Results) -> str:
    where = results.environment
    return (
        f"Measured {where['date']} on {where['cores']} cores of {where['processor']}"
        f" ({where['system']}), load average {where['load average before']} before it began:"
        f" medians of {where['rounds']} runs of {where['seconds']} s each."
    )


def _table(lines: Iterable[Line]) -> str:
    """A Markdown table, numbers aligned to the right. Empty if there is only a head."""
    head, *rows = lines
    if not rows:
        return ""
    rule = ["---" if n == 0 or not _is_number(rows[0][n]) else "---:" for n in range(len(head))]
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, rule, *rows))


def _is_number(text: str) -> bool:
    return text.replace(",", "").replace(".", "").isdigit() or text == ABSENT


#: Shown if there is no number.
ABSENT = "-"


def number(value: float | None) -> str:
    """Three significant digits, or whole numbers from 100 on."""
    if value is None:
        return ABSENT
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _marks(outcomes: Iterable[Outcome]) -> Iterator[Line]:
    yield "ratio", "mark", "measured", "holds"
    words = {True: "yes", False: "**no**", None: "not measured"}
    for each in outcomes:
        unit = f" {each.unit}" if each.unit else ""
        measured = ABSENT if each.measured is None else f"{each.measured:.2f}{unit}"
        yield each.name, f"{each.mark}{unit}", measured, words[each.holds]


def _at_16(results: Results, quantity: str) -> Iterator[Line]:
    columns = [each for each in ("empty/16", *marks.AT_16) if results.servers(each)]
    yield "server", *(_column(each) for each in columns)
    for server in _servers(results):
        values = [results.value(each, server, quantity) for each in columns]
        if any(value is not None for value in values):
            yield label(server), *(number(value) for value in values)


def _over(results: Results) -> Iterator[Line]:
    groups = [("hot", "logreg"), ("unique", "logreg"), ("unique", "forest")]
    yield "workload", "server", *map(str, CONNECTIONS)
    for kind, model in groups:
        workloads = [f"{kind}/{model}/{each}" for each in CONNECTIONS]
        for server in _servers(results):
            values = [results.value(each, server) for each in workloads]
            if values[0] is not None or values[2] is not None:
                yield _column(workloads[0]), label(server), *(number(value) for value in values)


def _figures(results: Results) -> Iterator[Line]:
    yield "measurement", "median", "lowest", "highest", "unit"
    for name, each in results.figures.items():
        values = (each.median, min(each.values), max(each.values))
        yield name, *(number(value) for value in values), each.unit


def _ceilings(results: Results) -> Iterator[Line]:
    """For each workload: the highest use of wrk's core, and the rate at which it would be full."""
    yield "workload", "busiest server", "wrk's use of a core", "requests/s at full use", ""
    for workload in dict.fromkeys(at for at, _ in results.http):
        used = {
            server: cpu
            for server in results.servers(workload)
            if (cpu := results.value(workload, server, "load_cpu"))
        }
        if used:
            server = max(used, key=lambda each: used[each])
            rate = results.value(workload, server) or 0.0
            note = "wrk was the limit" if used[server] > BUSY else ""
            yield workload, label(server), f"{used[server]:.2f}", number(rate / used[server]), note


def _left_out(results: Results) -> Iterator[Line]:
    yield "who", "why"
    yield from results.absent.items()
    for (workload, server), cell in results.http.items():
        if cell.faults:
            some = f"{len(cell.faults)} of {len(cell.runs)} runs: {cell.faults[0]}"
            yield f"{server} {workload}", some if cell.holds else f"{some}; no figure"


def _versions(results: Results) -> Iterator[Line]:
    yield "what", "versions"
    for name in ("wrk", "redis-server"):
        yield name, results.environment[name]
    for name, packages in results.environment["peers"].items():
        yield name, ", ".join(f"{package} {each}" for package, each in sorted(packages.items()))


def _servers(results: Results) -> list[str]:
    """Servers with fewer workers first, then in the order of FIELD."""
    order = list(FIELD)
    return sorted(
        {server for _, server in results.http},
        key=lambda each: (each.partition("@")[2], order.index(each.partition("@")[0])),
    )


def _column(workload: str) -> str:
    kind, _, rest = workload.partition("/")
    model = rest.partition("/")[0]
    what = {"hot": "hot", "unique": "unique", "hundred": "100 rows"}.get(kind, "nothing to do")
    return f"{what}, {model}" if model in LABELS else what
