"""Scripts whose rows are independent: `rows_independent = True` beside init() and run().

The script promises that each row of its one list is answered as if it had come alone, and in
order. Its rows may then be cached one by one and computed together with anybody's.
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
from inference.rows.codecs import json_codec, plain
from inference.script_errors import ScriptErrors
from inference.scripts import inference_schema
from inference.scripts.question import Arguments, Question, RowQuestion, Run

DECLARATION = "rows_independent"


class ScriptRows(RowQuestion):
    """Rows for one parameter of `run`, each as JSON that only an equal row has."""

    __slots__ = ("_parameter", "each")

    dtype = "json row"
    row_shape = ()

    def __init__(self, parameter: str, each: Sequence[bytes]) -> None:
        self._parameter, self.each = parameter, each

    def __len__(self) -> int:
        return len(self.each)

    def row_bytes(self) -> Sequence[bytes]:
        """Of each row, bytes that only an equal row has: names in another order are another row."""
        return self.each

    def take(self, rows: Sequence[int]) -> Self:
        """The question of these rows alone."""
        return type(self)(self._parameter, [self.each[row] for row in rows])

    def join(self, others: Sequence[Self]) -> Self:
        """One question of this one's rows and then the others'."""
        every = [each for part in (self, *others) for each in part.each]
        return type(self)(self._parameter, every)

    def arguments(self) -> Arguments:
        """What `run` is called with: made anew each time, for scripts and decorators change it."""
        return {self._parameter: json.loads(b"[%b]" % b",".join(self.each))}


class Independent:
    """A convention with one parameter, whose value is rows."""

    def __init__(self, inner: inference_schema.Named, parameter: str) -> None:
        self._inner, self._parameter = inner, parameter

    def parse(self, request: Request) -> Question | RowQuestion:
        """Where no rows came, the script or its schema judges what did."""
        question = self._inner.parse(request)
        rows = question.payload[self._parameter]
        if not (isinstance(rows, list) and rows):
            return question
        return ScriptRows(self._parameter, [_bytes(row) for row in rows])

    def around(self, arguments: Arguments) -> AbstractContextManager[object]:
        return self._inner.around(arguments)


def convention(
    run: Run, parameters: Sequence[inspect.Parameter], errors: ScriptErrors
) -> Independent:
    """For a `run` that can keep the promise. Raises ModelUnavailable."""
    if not inference_schema.decorates(run):
        raise _unfit("declare its input with @input_schema, whose sample says what a row is")
    if len(parameters) != 1:
        names = ", ".join(parameter.name for parameter in parameters)
        raise _unfit(f"let it take one parameter, the rows, instead of {names}")
    (parameter,) = parameters
    if inference_schema.json_type(run, parameter.name) != "array":
        raise _unfit(
            f"give @input_schema({parameter.name!r}, …) a sample that is a list in JSON: an array,"
            " a DataFrame (orient 'records' or 'values') or a list"
        )
    return Independent(inference_schema.Named(parameters, errors), parameter.name)


def answers(value: object, count: int) -> list[bytes]:
    """The answer to each row, as JSON. Raises ResultUnserialisable where they are not as many."""
    items = _items(value)
    if items is None or len(items) != count:
        got = type(value).__name__ if items is None else f"a list of {len(items)}"
        raise ResultUnserialisable(
            f"run() answered {count} rows with {got}: {DECLARATION} promises a list of one answer a"
            f" row; keep it, or take {DECLARATION} out of the script"
        )
    return [json_codec.dumps(item) for item in items]


def _items(value: object) -> Sequence[Any] | None:
    if isinstance(value, np.ndarray):
        return list(value) if value.ndim else None
    if isinstance(value, list | tuple):
        return value
    if isinstance(value, set | frozenset):  # whose order nobody chose
        return None
    try:
        rows = plain.default(value)
    except TypeError:
        return None
    return rows if isinstance(rows, list) else None


def _bytes(row: Any) -> bytes:
    """A JSON value as JSON, in one spelling. What it is read back as is the row again."""
    try:
        spelled = orjson.dumps(row)
    except TypeError:  # integers beyond 64 bits, halves of surrogate pairs
        return json.dumps(row).encode()
    # orjson writes NaN and infinity as null.
    return json.dumps(row).encode() if b"null" in spelled else spelled


def _unfit(mend: str) -> ModelUnavailable:
    return ModelUnavailable(f"{DECLARATION} = True does not fit run(): {mend}; or take it out")
