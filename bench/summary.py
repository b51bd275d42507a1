"""bench/summary.json: the medians of the last full run, in lines that a diff can show.

It has the shape of the full results without their single runs, so one reader takes both.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from bench import marks
from bench.places import BENCH
from bench.results import Results

FILE = BENCH / "summary.json"

#: Significant digits of a number: the rest is noise.
DIGITS = 4


def write(results: Results, file: Path) -> None:
    file.write_text(text(results))


def text(results: Results) -> str:
    """The JSON, with a line for each mark, each server under a workload, each other figure."""
    ratios = [each.as_json() for each in marks.outcomes(results)]
    whole = results.as_json()
    cells = [
        {name: value for name, value in cell.items() if name != "runs"} for cell in whole["http"]
    ]
    figures = {
        name: {"unit": each["unit"], "median": each["median"]}
        for name, each in whole["figures"].items()
    }
    parts = [
        f'"environment": {_line(whole["environment"])}',
        f'"ratios": {_list(ratios)}',
        f'"http": {_list(cells)}',
        f'"figures": {_object(figures)}',
        f'"absent": {_object(whole["absent"])}',
    ]
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _list(values: Iterable[Any]) -> str:
    return _block("[", "]", (_line(value) for value in values))


def _object(values: Mapping[str, Any]) -> str:
    lines = (f"{json.dumps(name)}: {_line(value)}" for name, value in values.items())
    return _block("{", "}", lines)


def _block(begin: str, end: str, lines: Iterator[str]) -> str:
    return f"{begin}\n  {',\n  '.join(lines)}\n{end}"


def _line(value: Any) -> str:
    return json.dumps(_rounded(value))


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    if isinstance(value, dict):
        return {name: _rounded(each) for name, each in value.items()}
    return value
