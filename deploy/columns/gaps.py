"""Asks a model in which of its columns a cell may be missing."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from inference.models.model import AnswerFunction
from inference.rows import coercion
from inference.rows.schema import Schema

#: Of the rows in one call of the model.
MAX_CELLS = 1024 * 1024
#: Of rows with columns in all calls: 256 columns are asked one by one, 2,000 in 65 calls (2 s).
MAX_ASKED_CELLS, MIN_CALLS = 512 * 256, 64


def ask(answer: AnswerFunction, schema: Schema, rows: Sequence[Sequence[Any]]) -> Schema:
    """The schema with the columns whose cells may be missing: those of which it says so already,
    and those in which the model answers a gap. `rows`: as JSON has them. `answer`: of the schema
    with all columns allowed to be missing.

    An array has one answer for all of its columns.
    """
    whole = next((row for row in rows if None not in row), rows[0])
    if schema.columns is None:
        return replace(schema, allows_missing=_array_answers(answer, schema, rows, whole))
    taking = _taking(answer, schema, whole)
    columns = tuple(
        replace(column, missing=column.missing or at in taking)
        for at, column in enumerate(schema.columns)
    )
    return replace(schema, columns=columns)


def _taking(answer: AnswerFunction, schema: Schema, row: Sequence[Any]) -> set[int]:
    """The positions of columns in which the model answers a gap.

    It is asked for many columns at once, and for half of them where it refuses. A wide frame would
    take too long to the end: columns that are not asked alone by then take no gap.
    """
    groups: dict[tuple[str, str], list[int]] = {}
    for at, column in enumerate(schema.columns or ()):
        if not column.missing:
            groups.setdefault((column.type, column.pandas_dtype), []).append(at)
    asked, found = deque(groups.values()), set()
    for _ in range(max(MIN_CALLS, MAX_ASKED_CELLS // len(row))):
        if not asked:
            break
        group = asked.popleft()
        if _answers(answer, schema, row, group):
            found.update(group)
        elif len(group) > 1:
            middle = len(group) // 2
            asked.extend((group[:middle], group[middle:]))
    return found


def _array_answers(
    answer: AnswerFunction, schema: Schema, rows: Sequence[Sequence[Any]], whole: Sequence[Any]
) -> bool:
    if not schema.dtype.startswith("float"):
        return False
    if any(None in row for row in rows):
        return True
    try:
        row = np.array(whole, schema.dtype)
        for start in range(0, len(row), max(1, MAX_CELLS // len(row))):
            at = np.arange(start, min(len(row), start + max(1, MAX_CELLS // len(row))))
            gaps = np.repeat(row[np.newaxis], len(at), axis=0)
            gaps[np.arange(len(at)), at] = np.nan
            answer(gaps)
    except Exception:  # noqa: BLE001 - an estimator may raise anything
        return False
    return True


def of_rows(schema: Schema, rows: Sequence[Sequence[Any]]) -> Schema:
    """The schema of a model that refuses no gap: cells may be missing where the rows miss some."""
    if schema.columns is None:
        return replace(schema, allows_missing=any(None in row for row in rows))
    columns = tuple(
        replace(column, missing=any(row[at] is None for row in rows))
        for at, column in enumerate(schema.columns)
    )
    return replace(schema, columns=columns)


def _answers(answer: AnswerFunction, schema: Schema, row: Sequence[Any], gone: list[int]) -> bool:
    """Whether the model answers a row whose cells at the positions `gone` are missing."""
    cells = [*row]
    for at in gone:
        cells[at] = None
    try:
        answer(coercion.coerce_rows([cells], schema.allowing_missing(), text=False).require_valid())
    except Exception:  # noqa: BLE001 - an estimator may raise anything
        return False
    return True
