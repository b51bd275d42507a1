"""JSON and JSON lines. What JSON can't say (NaN, infinity) is null, both ways."""

from __future__ import annotations

import json
from typing import Any

import orjson

from inference.codecs import plain
from inference.errors import MalformedInput, ResultUnserialisable, UnacceptableAnswer, UnfitInput
from inference.rows import Row, Signature

_OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS


def decode(body: bytes, signature: Signature) -> list[Row]:
    """Rows from `{"data": [[…], …]}` or the bare list."""
    return rows_of(loads(body, "the body"), signature)


def rows_of(document: Any, signature: Signature) -> list[Row]:
    """The rows in a JSON document. Raises UnfitInput."""
    data = document.get("data") if isinstance(document, dict) else document
    if data is None:
        raise UnfitInput(field="data", expected=_expected(signature), got="nothing under that name")
    if not isinstance(data, list):
        raise UnfitInput(field="data", expected=_expected(signature), got=type(data).__name__)
    if data and not isinstance(data[0], list):
        raise UnfitInput(
            field="data", expected=_expected(signature), got="a flat list; put it in a list"
        )
    return data


def decode_lines(body: bytes) -> list[Row]:
    """Rows from one JSON list, or one object with `data`, a line; blank lines are skipped."""
    return [
        row_of(loads(line, f"line {number}"))
        for number, line in enumerate(body.splitlines(), 1)
        if line.strip()
    ]


def row_of(document: object) -> Row:
    """The row in one JSON line. What is no list is left for the row's own error."""
    return document.get("data") if isinstance(document, dict) else document  # type: ignore[return-value]


def dumps(value: object) -> bytes:
    """One JSON document of whatever a script returned. Raises ResultUnserialisable."""
    try:
        return orjson.dumps(value, default=plain.default, option=_OPTIONS)
    except TypeError:  # often: integers beyond 64 bits, NumPy's numbers as keys
        return _dumps_slowly(value)


def _dumps_slowly(value: object) -> bytes:
    try:
        text = json.dumps(
            plain.tree(value), allow_nan=False, ensure_ascii=False, separators=(",", ":")
        )
        return text.encode()
    # A returned object's own methods may raise anything while they are asked for plain values.
    except Exception as error:
        raise ResultUnserialisable(f"the result can't be written as JSON: {error}") from error


def encode_lines(values: list[Any]) -> bytes:
    return b"".join(orjson.dumps(value) + b"\n" for value in values)


def as_list(predictions: bytes, form: str) -> list[Any]:
    """Predictions as a list with an item a row; raises UnacceptableAnswer where they are none."""
    values = orjson.loads(predictions)
    if not isinstance(values, list):
        raise UnacceptableAnswer(got=form, supported=("application/json",))
    return values


def loads(body: bytes, what: str) -> Any:
    """One JSON document; `what` names it in the error. Raises MalformedInput."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise MalformedInput(
            f"{what} is not JSON: {error} (NaN and infinity are no JSON: write null)"
        ) from error


def _expected(signature: Signature) -> str:
    width = "" if signature.features is None else f"{signature.features} "
    return f"a list of rows, each a list of {width}values"
