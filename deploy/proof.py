"""Two ways to answer, compared on the same rows as a caller would see them: as JSON."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import orjson

from inference.models import golden_rows
from inference.rows.codecs import json_codec
from inference.rows.row_types import Values

Answering = Callable[[Values], Any]

#: Stands for the answer to a row that is refused: who answers it instead answers otherwise.
_REFUSED = {"refused": True}


class Unproven(Exception):
    """Why the answers are not proven to be alike."""


class Proof:
    """What a model answers to `rows`, for others to be held against.

    Labels must be equal, and numbers differ by no more than the tolerances.
    """

    def __init__(
        self, answer: Answering, rows: Values, *, relative: float, absolute: float
    ) -> None:
        self.rows, self.relative, self.absolute = rows, relative, absolute
        self._expected = _answers(answer, rows)

    def largest_difference(self, answer: Answering) -> float:
        """Between two numbers, where all are alike. Raises Unproven where some are not."""
        try:
            answer(self.rows[:1])
        except Exception as error:
            raise Unproven(told(error)) from error
        answers = _answers(answer, self.rows)
        pairs = list(zip(answers, self._expected, strict=True))
        differ = [pair for pair in pairs if not self._equal(*pair)]
        if not differ:
            return max(map(_difference, answers, self._expected))
        raise Unproven(_told(differ, len(pairs)))

    def _equal(self, one: Any, other: Any) -> bool:
        return golden_rows.agree(one, other, relative=self.relative, absolute=self.absolute)


def _told(differ: list[tuple[Any, Any]], count: int) -> str:
    """What is wrong with answers, given in pairs."""
    otherwise = [
        pair for pair in differ if not golden_rows.agree(*pair, relative=0, absolute=math.inf)
    ]
    if not otherwise:
        largest = max(_difference(*pair) for pair in differ)
        return (
            f"{len(differ)} of {count} rows are answered with numbers that differ by up to"
            f" {largest:.1e} (--absolute and --relative say what may)"
        )
    refused = sum(_REFUSED in pair for pair in otherwise)
    return f"{len(otherwise)} of {count} rows are answered otherwise" + (
        f", {refused} of them by only one of the two" if refused else ""
    )


def told(error: Exception) -> str:
    """In one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"


def _answers(answer: Answering, rows: Values) -> list[Any]:
    try:
        return list(_plain(answer(rows)))
    except Exception:  # noqa: BLE001 - some rows may be refused, and only they
        return [_answer(answer, rows[at : at + 1]) for at in range(len(rows))]


def _answer(answer: Answering, row: Values) -> Any:
    try:
        return _plain(answer(row))[0]
    except Exception:  # noqa: BLE001 - that is the answer
        return _REFUSED


def _plain(answers: Any) -> Any:
    return orjson.loads(json_codec.dumps(answers))


def _difference(one: Any, other: Any) -> float:
    """The largest between two numbers at the same place."""
    if isinstance(one, list) and isinstance(other, list):
        return max(map(_difference, one, other), default=0.0)
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other)
    return 0.0
