"""Compares two ways to answer the same rows, as a caller sees the answers: as JSON."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import orjson

from inference.models import golden_rows
from inference.rows.formats import json_codec
from inference.rows.row_types import Values

Answering = Callable[[Values], Any]

#: The answer to a row that the model refuses. Any other answer to it counts as different.
_REFUSED = {"refused": True}


class Unproven(Exception):
    """The answers are not proven to be alike. The message says why."""


class Proof:
    """The answers of a model to `rows`, to compare others with.

    Labels must be equal. Numbers may differ by absolute + relative * their size.
    """

    def __init__(
        self, answer: Answering, rows: Values, *, relative: float, absolute: float
    ) -> None:
        self.rows, self.relative, self.absolute = rows, relative, absolute
        self._expected = _answers(answer, rows)

    def largest_difference(self, answer: Answering) -> float:
        """The largest difference of two numbers. Raises Unproven if the answers are not alike."""
        try:
            answer(self.rows[:1])
        except Exception as error:
            raise Unproven(format_error(error)) from error
        answers = _answers(answer, self.rows)
        pairs = list(zip(answers, self._expected, strict=True))
        differ = [pair for pair in pairs if not self._equal(*pair)]
        if not differ:
            return max(map(_difference, answers, self._expected))
        raise Unproven(_describe(differ, len(pairs)))

    def _equal(self, one: Any, other: Any) -> bool:
        return golden_rows.agree(one, other, relative=self.relative, absolute=self.absolute)


def _describe(differ: list[tuple[Any, Any]], count: int) -> str:
    """How the answers in these pairs differ, as a sentence."""
    unlike = [
        pair for pair in differ if not golden_rows.agree(*pair, relative=0, absolute=math.inf)
    ]
    if not unlike:
        largest = max(_difference(*pair) for pair in differ)
        return (
            f"{len(differ)} of {count} rows have answers whose numbers differ by up to"
            f" {largest:.1e} (--absolute and --relative set the tolerance)"
        )
    refused = sum(_REFUSED in pair for pair in unlike)
    return f"{len(unlike)} of {count} rows have other answers" + (
        f", and {refused} of them have one from only one of the two" if refused else ""
    )


def format_error(error: Exception) -> str:
    """In one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"


def _answers(answer: Answering, rows: Values) -> list[Any]:
    try:
        return list(_plain(answer(rows)))
    except Exception:  # noqa: BLE001 - the model may refuse only some of the rows
        return [_answer(answer, rows[at : at + 1]) for at in range(len(rows))]


def _answer(answer: Answering, row: Values) -> Any:
    try:
        return _plain(answer(row))[0]
    except Exception:  # noqa: BLE001 - a model may raise anything
        return _REFUSED


def _plain(answers: Any) -> Any:
    return orjson.loads(json_codec.dumps(answers))


def _difference(one: Any, other: Any) -> float:
    """The largest difference between two numbers at the same position."""
    if isinstance(one, list) and isinstance(other, list):
        return max(map(_difference, one, other), default=0.0)
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other)
    return 0.0
