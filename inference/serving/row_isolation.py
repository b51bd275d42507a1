"""Rows of a file that the model refuses, though it answers the others.

An estimator refuses a call as a whole, also for one row that it can't compute with. The rows of a
refused call are halved until each refused row is alone, which takes about 2 log2(rows) calls for
each of them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from inference.errors import CallerError, ScoringError, UnfitInput
from inference.failure_log import log_failure
from inference.scripts.question import Question, RowQuestion
from inference.serving.prediction import Prediction

#: A model that has refused so many rows of a file, and answered none, is broken: the rows are not.
MAX_REFUSED_FIRST = 20

#: The prediction, or the error by which the model refuses some of the rows.
Predict = Callable[[Question | RowQuestion], Awaitable[Prediction | ScoringError]]


class Isolated(NamedTuple):
    """What a model answers to the rows that it takes."""

    #: A JSON list with an element for each row that was not refused.
    predictions: bytes
    #: By the row's position among the rows.
    refused: dict[int, ScoringError]
    cache_hits: int


class RowIsolation:
    """Predicts the rows of one file.

    `has_answered`: whether the model has answered rows of it in an earlier attempt.
    """

    def __init__(self, predict: Predict, request_id: str, *, has_answered: bool = False) -> None:
        self._predict, self._id = predict, request_id
        self._refused = 0
        self._first: ScoringError | None = None
        self._has_answered = has_answered

    async def predict(self, question: Question | RowQuestion) -> Isolated:
        """Raises ScoringError if the rows can't be predicted apart, or if the model is broken."""
        predictions: list[bytes] = []
        refused: dict[int, ScoringError] = {}
        hits = 0
        left = [range(1 if isinstance(question, Question) else len(question))]
        while left:
            rows = left.pop()
            outcome = await self._predict(_take(question, rows))
            if not isinstance(outcome, ScoringError):
                self._has_answered = True
                predictions.append(outcome.value)
                hits += outcome.hits
            elif len(rows) > 1:
                middle = len(rows) // 2
                left += (rows[middle:], rows[:middle])
            else:
                self._refuse(outcome)
                refused[rows.start] = outcome
        if refused and isinstance(question, Question):
            raise refused[0]
        return Isolated(_join(predictions), refused, hits)

    def require_answers(self) -> None:
        """Raises ScoringError if the model has refused every row."""
        if self._first is not None and not self._has_answered:
            raise self._first

    def _refuse(self, error: ScoringError) -> None:
        if self._first is None:
            self._first = error
            log_failure(error, self._id)  # one line a file: many rows may be alike
        self._refused += 1
        if self._refused >= MAX_REFUSED_FIRST:
            self.require_answers()


def row_error(error: ScoringError, row: int) -> CallerError:
    """The error of a row that the model refuses. `row`: its number in the file, from 0."""
    if isinstance(error, UnfitInput):
        return UnfitInput(field=f"row {row}", expected=error.expected, got=error.got)
    if isinstance(error, CallerError):
        return error
    got = f"{error.code} ({error})"
    return UnfitInput(field=f"row {row}", expected="values that the model answers", got=got)


def _take(question: Question | RowQuestion, rows: range) -> Question | RowQuestion:
    if isinstance(question, Question) or len(rows) == len(question):
        return question
    return question.take(rows)


def _join(lists: list[bytes]) -> bytes:
    """One JSON list of the elements of several lists, none of them empty."""
    return lists[0] if len(lists) == 1 else b"[%b]" % b",".join(each[1:-1] for each in lists)
