"""Draws results as SVG that can be read on a light and on a dark page."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from bench import marks
from bench.marks import Outcome
from bench.results import Results
from bench.servers.field import FIELD

STYLE = """
text { font: 12px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: #24292f }
.title { font-size: 15px; font-weight: 600 }
.panel { font-weight: 600 }
.value, .note { fill: #57606a }
.ours { fill: #0969da } .ours-off { fill: #80b8f0 } .peer { fill: #b6bfc9 }
.holds { fill: #1a7f37 } .fails { fill: #cf222e }
.rule { stroke: #d0d7de; stroke-width: 1 } .bound { stroke: #57606a; stroke-width: 1.5 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .value, .note { fill: #9198a1 }
  .ours { fill: #4493f8 } .ours-off { fill: #2a5a96 } .peer { fill: #656c76 }
  .holds { fill: #3fb950 } .fails { fill: #f85149 }
  .rule { stroke: #3d444d } .bound { stroke: #9198a1 }
}
"""

PANEL_WIDTH, LABEL_WIDTH, VALUE_WIDTH = 500, 236, 62
BAR, STEP, MARGIN, HEAD = 13, 19, 20, 44
COLUMNS = 2

TITLES = {
    "hot/logreg/16": "One row, always the same — regression",
    "unique/logreg/16": "One row, never the same — regression",
    "hundred/logreg/16": "100 rows, never the same — regression",
    "hot/forest/16": "One row, always the same — forest",
    "unique/forest/16": "One row, never the same — forest",
    "hundred/forest/16": "100 rows, never the same — forest",
}


@dataclass(frozen=True, slots=True)
class Panel:
    """One workload: a bar for each server, the best first."""

    title: str
    bars: Sequence[tuple[str, float]]


def draw(results: Results, folder: Path) -> list[Path]:
    """Write each picture that has data; returns their files."""
    outcomes = [each for each in marks.outcomes(results) if each.measured is not None]
    rates = list(_panels(results, "rate"))
    tails = list(_panels(results, "p99_ms"))
    pictures = {
        "throughput.svg": bars("Requests a second, 16 connections", rates) if rates else "",
        "latency.svg": bars("p99 at 16 connections, ms (shorter is better)", tails)
        if tails
        else "",
        "marks.svg": dots(
            "How far beyond its mark each ratio is (1: on it, more is better)", outcomes
        )
        if outcomes
        else "",
    }
    written = []
    for name, picture in pictures.items():
        if picture:
            (folder / name).write_text(picture)
            written.append(folder / name)
    return written


def bars(title: str, panels: Sequence[Panel]) -> str:
    """Panels in two columns, each with its own scale."""
    heights = [
        max(len(panel.bars) for panel in panels[first : first + COLUMNS]) * STEP + HEAD
        for first in range(0, len(panels), COLUMNS)
    ]
    body = [f'<text class="title" x="{MARGIN}" y="28">{escape(title)}</text>']
    for place, panel in enumerate(panels):
        row, column = divmod(place, COLUMNS)
        x, y = MARGIN + column * (PANEL_WIDTH + MARGIN), HEAD + sum(heights[:row])
        body.append(f'<g transform="translate({x},{y})">{"".join(_bars(panel))}</g>')
    width = MARGIN + COLUMNS * (PANEL_WIDTH + MARGIN)
    return _svg(width, HEAD + sum(heights), body)


def dots(title: str, outcomes: Sequence[Outcome]) -> str:
    """A dot for each mark, on a logarithmic scale: the mark is at 1, and right of it is better."""
    label, plot = 340, 420
    ratios = [beyond(each) for each in outcomes]
    widest = max(1.0, *(abs(math.log10(ratio)) for ratio in ratios)) * 1.05

    def at(ratio: float) -> float:
        return label + plot / 2 * (1 + math.log10(ratio) / widest)

    height = HEAD + len(outcomes) * STEP
    body = [f'<text class="title" x="{MARGIN}" y="28">{escape(title)}</text>']
    for ratio in (0.1, 0.5, 1, 2, 10):
        kind = "bound" if ratio == 1 else "rule"
        body.append(
            f'<line class="{kind}" x1="{at(ratio):.1f}" x2="{at(ratio):.1f}" y1="{HEAD + 12}"'
            f' y2="{height + 4}"/><text class="note" text-anchor="middle" x="{at(ratio):.1f}"'
            f' y="{HEAD + 6}">{ratio:g}</text>'
        )
    for place, (each, ratio) in enumerate(zip(outcomes, ratios, strict=True)):
        y = HEAD + 20 + place * STEP
        kind = "holds" if each.holds else "fails"
        unit = f" {each.unit}" if each.unit else ""
        body.append(
            f'<text text-anchor="end" x="{label - 10}" y="{y + 4}">{escape(each.name)}</text>'
            f'<circle class="{kind}" cx="{at(ratio):.1f}" cy="{y}" r="5"/>'
            f'<text class="value" x="{label + plot + 14}" y="{y + 4}">'
            f"{each.measured:.2f}{unit} ({escape(each.mark)})</text>"
        )
    return _svg(label + plot + 160, height + 20, body)


def beyond(outcome: Outcome) -> float:
    """How far a value is beyond its mark: above 1 if the mark holds, within 0.02 and 50."""
    sign, bound = outcome.mark.split()[:2]
    measured = max(outcome.measured or 0.0, 0.001)
    ratio = measured / float(bound) if sign in (">", ">=") else float(bound) / measured
    return min(max(ratio, 0.02), 50.0)


def _panels(results: Results, quantity: str) -> Iterator[Panel]:
    for workload in marks.AT_16:
        values = {
            server: value
            for server in results.servers(workload)
            if (value := results.value(workload, server, quantity)) is not None
        }
        if values:
            servers = sorted(values.items(), key=lambda each: each[1], reverse=quantity == "rate")
            yield Panel(TITLES[workload], servers)


def _bars(panel: Panel) -> Iterator[str]:
    longest = max(value for _, value in panel.bars)
    room = PANEL_WIDTH - LABEL_WIDTH - VALUE_WIDTH
    yield f'<text class="panel" y="12">{escape(panel.title)}</text>'
    for place, (server, value) in enumerate(panel.bars):
        y = 22 + place * STEP
        width = max(1.0, value / longest * room)
        yield (
            f'<text text-anchor="end" x="{LABEL_WIDTH - 8}" y="{y + 11}">{escape(_name(server))}'
            f'</text><rect class="{_side(server)}" x="{LABEL_WIDTH}" y="{y}" rx="2"'
            f' width="{width:.1f}" height="{BAR}"/><text class="value"'
            f' x="{LABEL_WIDTH + width + 6:.1f}" y="{y + 11}">{_number(value)}</text>'
        )


def _name(server: str) -> str:
    name, _, workers = server.partition("@")
    text = FIELD[name].label.replace("inference-server", "server")
    return text if workers == "1" else f"{text}, {workers} workers"


def _side(server: str) -> str:
    name = server.partition("@")[0]
    return "ours-off" if name.endswith("-off") else FIELD[name].side


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _svg(width: float, height: float, body: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}"'
        f' width="{width:g}" height="{height:g}" role="img"><style>{STYLE}</style>\n'
        + "\n".join(body)
        + "\n</svg>\n"
    )
