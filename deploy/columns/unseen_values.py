"""Asks a model whether it refuses the values that its encoders have not seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from inference.models.model import AnswerFunction
from inference.rows import coercion
from inference.rows.schema import Column, Schema

_TYPES = ("text", "integer")


def ask(
    answer: AnswerFunction,
    schema: Schema,
    rows: Sequence[Sequence[Any]],
    learned: Mapping[str, Column],
) -> Schema:
    """The schema with the only values that the model takes, of each column in which it refuses
    others. `rows`: as JSON has them. `learned`: what the model's encoders know of a column.
    """
    columns = []
    for at, column in enumerate(schema.columns or ()):
        values = _encoded(column, learned.get(column.name), {row[at] for row in rows})
        takes_others = not values or _answers(answer, schema, rows, at, _unseen(values))
        columns.append(column if takes_others else replace(column, known=values))
    return replace(schema, columns=tuple(columns))


def _encoded(column: Column, learned: Column | None, cells: set[Any]) -> tuple[Any, ...]:
    """The values that the column's encoder knows; none if other parts of the model take `cells`."""
    if learned is None or learned.type != column.type or column.type not in _TYPES:
        return ()
    values = learned.categories or ()
    return values if cells - {None} <= {*values} else ()


def _answers(
    answer: AnswerFunction, schema: Schema, rows: Sequence[Sequence[Any]], at: int, cell: Any
) -> bool:
    """Whether the model answers a row with `cell` in the column at a position."""
    row = [*next((row for row in rows if None not in row), rows[0])]
    row[at] = cell
    try:
        answer(coercion.coerce_rows([row], schema, text=False).require_valid())
    except Exception:  # noqa: BLE001 - an estimator may raise anything
        return False
    return True


def _unseen(values: Sequence[Any]) -> str | int:
    """A value that is none of them."""
    if isinstance(values[0], str):
        return f"{max(values, key=len)}?"
    return int(max(values)) + 1
