"""Compares what the app reads of the sample rows with the frame that they came from.

The frame is the truth: it is what pandas reads, as training did. Each format is written from it.
"""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from inference.errors import CallerError, ModelUnavailable
from inference.limits import Limits
from inference.models import golden_rows
from inference.models.inputs import input_function
from inference.models.model import AnswerFunction
from inference.rows import formats, media_types
from inference.rows.formats import json_codec
from inference.rows.row_types import Values
from inference.rows.schema import Column, Schema
from inference.settings import InferenceSettings

_LIMITS = Limits(InferenceSettings.max_body_bytes, 100_000)


def json_cells(frame: Any, schema: Schema) -> list[list[Any]]:
    """The rows of a frame as JSON has them; None is missing."""
    columns = [_json_column(frame[each.name], each) for each in schema.columns or ()]
    return [list(row) for row in zip(*columns, strict=True)]


def require_alike(
    frame: Any, schema: Schema, answer: AnswerFunction, predictions: Sequence[Any]
) -> None:
    """Raises ModelUnavailable, naming the column, if the rows in one of the formats give other
    predictions than the frame gave.
    """
    for form, body, rows in _bodies(frame, schema):
        expected = [predictions[row] for row in rows]
        try:
            values = formats.decode(body, form, schema, limits=_LIMITS).require_valid()
        except CallerError as error:
            raise ModelUnavailable(
                f"the rows can't be sent as {form}: {error}{_advice(frame, schema)}"
            ) from error
        answers = orjson.loads(json_codec.dumps(answer(values)))
        if not golden_rows.agree(answers, expected, relative=1e-9, absolute=1e-12):
            name = _differing(values, frame.iloc[rows], schema)
            if name is None:
                raise ModelUnavailable(
                    f"the model answers otherwise once the rows are read from {form}, though all"
                    " cells are alike: does it answer equal rows alike?"
                )
            raise ModelUnavailable(
                f"column {name!r}: the model answers otherwise once the rows are read from {form};"
                f" give the column's type with --type {name}=TYPE{_advice(frame, schema)}"
            )


def _bodies(frame: Any, schema: Schema) -> Iterator[tuple[str, bytes, list[int]]]:
    """The frame in each format, with the positions of the rows that it can hold."""
    every = list(range(len(frame)))
    cells = json_cells(frame, schema)
    yield media_types.JSON, orjson.dumps({"data": cells}), every
    if in_csv := [row for row in every if not _is_empty_text(cells[row], schema)]:
        gap = next((word for word in schema.na if not word), schema.na[0] if schema.na else "")
        text = frame.iloc[in_csv].to_csv(index=False, na_rep=gap)
        yield media_types.CSV, text.encode(), in_csv
    if importlib.util.find_spec("pyarrow") is not None:
        target = io.BytesIO()
        frame.to_parquet(target, index=False)
        yield media_types.PARQUET, target.getvalue(), every


def _is_empty_text(row: Sequence[Any], schema: Schema) -> bool:
    """Whether CSV can't hold the row: it has an empty text, and an empty cell is a missing one."""
    return "" in row and "" in schema.na


def _advice(frame: Any, schema: Schema) -> str:
    """What to do where a value is one of the words that mean a missing cell."""
    words = {*schema.na} - {""}
    for column in schema.columns or ():
        for value in frame[column.name].dropna().unique() if words else ():
            if str(value) in words:
                return f". {na_advice(column.name, str(value))}"
    return ""


def require_gaps_told(frame: Any, columns: Sequence[Column], na: Sequence[str]) -> None:
    """Raises ModelUnavailable for a column of texts that has empty and missing ones, if an empty
    cell of CSV could be either.
    """
    for column in columns if "" in na else ():
        cells = frame[column.name]
        if column.type == "text" and cells.isna().any() and (cells == "").any():
            raise ModelUnavailable(na_advice(column.name, ""))


def na_advice(name: str, word: str) -> str:
    """What to do where a value of a column is a word that means a missing cell in CSV."""
    other = "NULL" if word == "" else ""
    return (
        f"column {name!r}: {word!r} is a value that the model knows, and in CSV it means a missing"
        f" cell; name the words that mean one with --na, for example --na '{other}'"
    )


def _differing(values: Values, frame: Any, schema: Schema) -> str | None:
    """The first column that is not as in the frame."""
    read = input_function(schema)(values)
    names = list(frame.columns)
    for name in names:
        if not read[name].reset_index(drop=True).equals(frame[name].reset_index(drop=True)):
            return str(name)
    return None


def _json_column(series: Any, column: Column) -> list[Any]:
    gone = series.isna().tolist()
    values = series.tolist()
    if column.type == "date":
        values = [None if gap else each.isoformat() for gap, each in zip(gone, values, strict=True)]
    elif column.type == "integer":
        values = [None if gap else int(each) for gap, each in zip(gone, values, strict=True)]
    return [None if gap else each for gap, each in zip(gone, values, strict=True)]
