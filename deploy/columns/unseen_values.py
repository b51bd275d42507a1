"""Asks a model whether it refuses the values that its encoders have not seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from inference.models.model import AnswerFunction
from inference.rows import coercion
from inference.rows.schema import Column, Schema


def ask(
    answer: AnswerFunction,
    schema: Schema,
    rows: Sequence[Sequence[Any]],
    learned: Mapping[str, Column],
) -> Schema:
    """The schema with the only values that the model takes, of each column in which it refuses
    others. `rows`: as JSON has them. `learned`: what the model's encoders know of a column.
    """
    whole = next((row for row in rows if None not in row), rows[0])
    columns = tuple(
        replace(column, known=_known(answer, schema, rows, whole, at, learned.get(column.name)))
        for at, column in enumerate(schema.columns or ())
    )
    return replace(schema, columns=columns)


def _known(
    answer: AnswerFunction,
    schema: Schema,
    rows: Sequence[Sequence[Any]],
    whole: Sequence[Any],
    at: int,
    learned: Column | None,
) -> tuple[str | int, ...] | None:
    """The values of the column at a position; None if the model takes others too."""
    values = _learned(schema, at, learned)
    if not values or not {row[at] for row in rows if row[at] is not None} <= set(values):
        return None  # not known, or another part of the model takes others
    cells = [_unseen(values) if place == at else cell for place, cell in enumerate(whole)]
    try:
        answer(coercion.coerce_rows([cells], schema, text=False).require_valid())
    except Exception:  # noqa: BLE001 - an estimator may raise anything
        return values
    return None


def _learned(schema: Schema, at: int, learned: Column | None) -> tuple[Any, ...]:
    """The texts or integers that an encoder knows of a column; none of columns of other types."""
    column = (schema.columns or ())[at]
    if learned is None or learned.type != column.type or column.type not in ("text", "integer"):
        return ()
    return learned.categories or ()


def _unseen(values: Sequence[Any]) -> str | int:
    """A value that is none of them."""
    if isinstance(values[0], str):
        return f"{max(values, key=len)}?"
    return int(max(values)) + 1
