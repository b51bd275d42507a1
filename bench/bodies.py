"""Request bodies. They are made before a run, with gaps for numbers that make each row unique."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bench.models import Rows

#: A gap in a body. The load generator fills it with a number of as many digits, never used before.
GAP = "@" * 12

Row = Sequence[str]
"""A row, as the text of each JSON number."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a kind of server reads rows and writes predictions."""

    path: str
    write: Callable[[Sequence[Row]], str]
    read: Callable[[Any], list[Any]]


def unique(rows: Rows) -> list[Row]:
    """The rows with a gap in place of each first pixel."""
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
    """`{"data": [[…], …]}` in, a list of predictions out. Most servers take this."""
    return Dialect(path, lambda rows: f'{{"data":[{_lists(rows)}]}}', _as_it_is)


def v2_at(path: str) -> Dialect:
    """The Open Inference Protocol."""
    return Dialect(path, _v2, _v2_answer)
