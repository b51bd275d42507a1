"""Scripts whose rows are independent: `rows_independent = True` beside init() and run().

The script promises that `run` answers each row of its one list as if the row had come alone, and
answers them in order. Its rows are then cached one by one, and rows of several requests are
computed in one call.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Self

import numpy as np
import orjson

from inference.errors import ModelUnavailable, ResultUnserialisable
from inference.request import Request
from inference.rows.formats import json_codec, plain
from inference.script_errors import ScriptErrors
from inference.scripts import inference_schema
from inference.scripts.failed_answers import FailureCheck, reports_error
from inference.scripts.named_arguments import NamedArguments
from inference.scripts.question import Arguments, NotCached, Question, Reply, RowQuestion, Run

DECLARATION = "rows_independent"


class ScriptRows(RowQuestion):
    """Rows for one parameter of `run`. `rows`: each row as JSON that only an equal row has."""

    __slots__ = ("_parameter", "rows")

    may_fail = True
    dtype = "json row"
    row_shape = ()

    def __init__(self, parameter: str, rows: Sequence[bytes]) -> None:
        self._parameter, self.rows = parameter, rows

    def __len__(self) -> int:
        return len(self.rows)

    def row_bytes(self) -> Sequence[bytes]:
        """The rows as JSON. A row with its names in another order counts as another row."""
        return self.rows

    def take(self, rows: Sequence[int]) -> Self:
        return type(self)(self._parameter, [self.rows[row] for row in rows])

    def join(self, others: Sequence[Self]) -> Self:
        joined = [row for question in (self, *others) for row in question.rows]
        return type(self)(self._parameter, joined)

    def arguments(self) -> Arguments:
        """The arguments of `run`, made for each call: scripts and decorators may change them."""
        return {self._parameter: json.loads(b"[%b]" % b",".join(self.rows))}


class RowsArgument:
    """The calling convention with one named parameter, whose value is a list of rows."""

    def __init__(self, inner: NamedArguments, parameter: str) -> None:
        self._inner, self._parameter = inner, parameter

    def parse(self, request: Request) -> Question | RowQuestion:
        """A value that is not a list with rows goes to `run` as it is: its schema may refuse it."""
        question = self._inner.parse(request)
        rows = question.payload[self._parameter]
        if not (isinstance(rows, list) and rows):
            return question
        return ScriptRows(self._parameter, [encode_row(row) for row in rows])

    def around(self, arguments: Arguments) -> AbstractContextManager[object]:
        return self._inner.around(arguments)


def convention(
    run: Run, parameters: Sequence[inspect.Parameter], errors: ScriptErrors
) -> RowsArgument:
    """The convention for a `run` that can keep the promise. Raises ModelUnavailable."""
    if not inference_schema.is_decorated(run):
        raise _misdeclared("declare its input with @input_schema, whose sample shows a row")
    if len(parameters) != 1:
        names = ", ".join(parameter.name for parameter in parameters)
        raise _misdeclared(f"let it take one parameter, the rows, instead of {names}")
    (parameter,) = parameters
    if inference_schema.json_type(run, parameter.name) != "array":
        raise _misdeclared(
            f"give @input_schema({parameter.name!r}, …) a sample that is a list in JSON: an array,"
            " a DataFrame (orient 'records' or 'values') or a list"
        )
    return RowsArgument(NamedArguments(parameters, errors), parameter.name)


def encode_answers(
    value: object, count: int, is_failure: FailureCheck = reports_error
) -> list[bytes]:
    """The answer to each of `count` rows, as JSON; NotCached if it is a failure. Raises
    ResultUnserialisable for another number of answers.
    """
    items = _as_sequence(value)
    if items is None or len(items) != count:
        rows = "1 row" if count == 1 else f"{count} rows"
        raise ResultUnserialisable(
            f"run() got {rows} and returned {_describe(value, items)}: {DECLARATION} promises a"
            " list with one answer a row. Return such a list, or remove"
            f" {DECLARATION} from the script"
        )
    return [
        NotCached(encoded) if is_failure(item) else encoded
        for item, encoded in zip(items, map(json_codec.dumps, items), strict=True)
    ]


def encode_row(row: Any) -> bytes:
    """A JSON value in one spelling, from which json.loads reads the same value again."""
    try:
        spelled = orjson.dumps(row)
    except TypeError:  # integers beyond 64 bits, halves of surrogate pairs
        return json.dumps(row).encode()
    # orjson writes NaN and infinity as null.
    return json.dumps(row).encode() if b"null" in spelled else spelled


def _as_sequence(value: object) -> Sequence[Any] | None:
    """The answers in a value, in order; None for a value that is no list of answers."""
    if isinstance(value, np.ndarray):
        if isinstance(value, np.matrix):  # each of its rows would be a table
            value = np.asarray(value)
        return list(value) if value.ndim else None
    if isinstance(value, list | tuple):
        return value
    if isinstance(value, set | frozenset):  # has no order
        return None
    try:
        rows = plain.default(value)
    except TypeError:
        return None
    return rows if isinstance(rows, list) else None


def _describe(value: object, items: Sequence[Any] | None) -> str:
    if items is not None:
        return f"a list of {len(items)}"
    if value is None:
        return "None"
    return "a response" if isinstance(value, Reply) else f"a value of type {type(value).__name__}"


def _misdeclared(remedy: str) -> ModelUnavailable:
    return ModelUnavailable(
        f"{DECLARATION} = True does not fit run(): {remedy}, or remove {DECLARATION}"
    )
