"""What the load sends: bodies made beforehand, with gaps for numbers where rows must be unique."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bench.models import Rows

#: A gap in a body, filled by the load generator with as many digits: a number never used before.
GAP = "@" * 12

Row = Sequence[str]
"""A row as the texts of its JSON numbers."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a kind of server wants its rows, and how it says its predictions."""

    path: str
    write: Callable[[Sequence[Row]], str]
    read: Callable[[Any], list[Any]]


def unique(rows: Rows) -> list[Row]:
    """The rows with a gap for a number in each first pixel."""
    return [[f"0.{GAP}", *row[1:]] for row in plain(rows)]


def plain(rows: Rows) -> list[Row]:
    return [[json.dumps(cell) for cell in row] for row in rows.tolist()]


def _lists(rows: Sequence[Row]) -> str:
    return ",".join(f"[{','.join(row)}]" for row in rows)


def _v2(rows: Sequence[Row]) -> str:
    cells = ",".join(",".join(row) for row in rows)
    shape = [len(rows), len(rows[0])]
    return (
        f'{{"inputs":[{{"name":"rows","datatype":"FP64","shape":{shape},"data":[{cells}]}}],'
        '"parameters":{"content_type":"np"}}'
    )


def _v2_answer(answer: Any) -> list[Any]:
    data: list[Any] = answer["outputs"][0]["data"]
    return data


def _as_it_is(answer: Any) -> list[Any]:
    return list(answer)


def data_at(path: str) -> Dialect:
    """`{"data": [[…], …]}` to a list of predictions: what most of the field speaks."""
    return Dialect(path, lambda rows: f'{{"data":[{_lists(rows)}]}}', _as_it_is)


def v2_at(path: str) -> Dialect:
    """The Open Inference Protocol."""
    return Dialect(path, _v2, _v2_answer)
