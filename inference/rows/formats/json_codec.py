"""Values as JSON and back. NaN and infinity, which JSON lacks, are null in both directions."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import orjson

from inference.errors import MalformedInput, ResultUnserialisable, UnacceptableAnswer
from inference.limits import PART_CELLS, rows_per_part
from inference.rows.formats import json_outline, plain

_LONG_NUMBER = re.compile(rb"\d{20}")
#: How orjson writes NumPy's NaT in nanoseconds, and in units from minutes to weeks.
_NAT, _NAT_OF_DAYS = b'"1677-09-21T00:12:43.145224"', b'"1970-01-01T00:00:00"'
_OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS


def dumps(value: object) -> bytes:
    """Encode what a script returned. Raises ResultUnserialisable."""
    try:
        text = orjson.dumps(value, default=plain.default, option=_OPTIONS)
    except TypeError:  # often: integers beyond 64 bits, NumPy's numbers as keys
        return _dumps_slowly(value)
    return _dumps_slowly(value) if _NAT in text or _NAT_OF_DAYS in text else text


def dumps_rows(value: object) -> bytes:
    """As `dumps`, but a long array of numbers is encoded some rows at a time."""
    if not isinstance(value, np.ndarray) or value.ndim == 0 or value.size <= PART_CELLS:
        return dumps(value)
    rows = rows_per_part(value.size // len(value))
    pieces = (dumps(value[start : start + rows]) for start in range(0, len(value), rows))
    return b"[" + b",".join(piece[1:-1] for piece in pieces) + b"]"


def _dumps_slowly(value: object) -> bytes:
    try:
        text = json.dumps(
            plain.tree(value), allow_nan=False, ensure_ascii=False, separators=(",", ":")
        )
        return text.encode()
    except plain.NotPlain as error:
        raise ResultUnserialisable(f"the result can't be written as JSON: {error}") from error
    except RecursionError:
        raise ResultUnserialisable(
            "the result can't be written as JSON: it holds itself, or is nested beyond Python's"
            " recursion limit"
        ) from None
    except Exception as error:  # noqa: BLE001 - methods of a returned object may raise anything
        kind = type(error).__name__
        raise ResultUnserialisable(f"the result can't be written as JSON: {kind}") from None


def encode_lines(values: list[Any]) -> bytes:
    return b"".join(dumps(value) + b"\n" for value in values)


def as_list(predictions: bytes, form: str) -> list[Any]:
    """Predictions as a list with one item per row. Raises UnacceptableAnswer for anything else."""
    outline = json_outline.Outline(predictions, "the answer", loads=_every_digit, bound=None)
    values = outline.tree()
    if not isinstance(values, list):
        raise UnacceptableAnswer(got=form, supported=("application/json",))
    return values


def _every_digit(piece: bytes) -> Any:
    """Parse integers of any size. orjson makes floats of those beyond 64 bits."""
    return json.loads(piece) if _LONG_NUMBER.search(piece) else orjson.loads(piece)


def loads(body: bytes, what: str) -> Any:
    """One JSON document; `what` names it in the error. Raises MalformedInput."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise MalformedInput(
            f"{what} is not JSON: {error} (NaN and infinity are no JSON: write null)"
        ) from error
