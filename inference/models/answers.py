"""What an estimator's method returned, brought into one form: one item a row, in order."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from inference.errors import ResultUnserialisable
from inference.rows.formats import json_codec

#: NumPy's kinds whose JSON lists hold a comma between two items and nowhere else.
_PLAIN_KINDS = frozenset("iufbM")


#: What a sparse answer may take once it is an array, unless a setting says otherwise.
MAX_DENSE_BYTES = 100 * 1024 * 1024


def one_per_row(answer: Any, count: int, max_dense_bytes: int = MAX_DENSE_BYTES) -> Any:
    """An array or list with one item for each of `count` rows. Raises ResultUnserialisable for an
    answer of another length.

    A sparse matrix becomes an array of up to `max_dense_bytes`, and a DataFrame its values. A list
    with an array for each output (what predict_proba of a multi-output model returns) becomes a
    list with all outputs for each row.
    """
    if hasattr(answer, "toarray"):
        answer = _dense(answer, max_dense_bytes)
    elif hasattr(answer, "to_numpy"):
        answer = answer.to_numpy()
    if isinstance(answer, np.ndarray):
        answer = _plain_array(answer)
    if isinstance(answer, list) and _are_outputs(answer, count):
        answer = [list(row) for row in zip(*answer, strict=True)]
    if not hasattr(answer, "__len__") or len(answer) != count:
        rows = "1 row" if count == 1 else f"{count} rows"
        raise ResultUnserialisable(
            f"the model got {rows} and returned {_describe(answer)}: expected one answer a row"
        )
    return _contiguous(answer)


def _plain_array(answer: Any) -> Any:
    """The array as one whose rows are written as the whole is."""
    if isinstance(answer, np.matrix):  # each of its rows would be a table
        return np.asarray(answer)
    if answer.dtype.kind == "M":  # of other units NaT would be a date, and a cell a whole number
        return answer.astype("datetime64[us]")
    return answer


def _contiguous(answer: Any) -> Any:
    """Numbers of float32 would have other digits in the JSON of an array that is not contiguous."""
    if isinstance(answer, np.ndarray) and not answer.flags.c_contiguous:
        return np.ascontiguousarray(answer)
    return answer


def _dense(answer: Any, limit: int) -> Any:
    size = math.prod(answer.shape) * answer.dtype.itemsize
    if size > limit:
        raise ResultUnserialisable(
            f"the model's answer is sparse and would take {size:,} bytes as an array: expected up"
            f" to {limit:,} (MAX_BODY_BYTES); send fewer rows, or train the model to return fewer"
            " columns"
        )
    return answer.toarray()


def encode_by_row(answer: Any) -> list[bytes]:
    """Each item of an array or list, as the bytes that it has in the JSON of the whole."""
    if isinstance(answer, np.ndarray) and answer.ndim == 1 and answer.dtype.kind in _PLAIN_KINDS:
        whole = json_codec.dumps(answer)
        return whole[1:-1].split(b",") if len(answer) else []
    if isinstance(answer, np.ndarray) and answer.ndim == 1:
        answer = answer.tolist()
    return [json_codec.dumps(item) for item in answer]


def encode_pairs(labels: Any, probabilities: Any) -> list[bytes]:
    """A label and its probabilities for each row, as JSON."""
    pairs = zip(encode_by_row(labels), encode_by_row(probabilities), strict=True)
    return [b"[%b,%b]" % pair for pair in pairs]


def _are_outputs(answer: list[Any], count: int) -> bool:
    """Whether each item holds one output for all rows, rather than all outputs for one row.

    With as many outputs as rows, flat items could be either and count as rows; tables are outputs.
    """
    if not all(getattr(each, "shape", ())[:1] == (count,) for each in answer):
        return False
    return len(answer) != count or all(each.ndim == 2 for each in answer)


def _describe(answer: Any) -> str:
    if not hasattr(answer, "__len__"):
        return "None" if answer is None else f"a value of type {type(answer).__name__}"
    return "1 answer" if len(answer) == 1 else f"{len(answer)} answers"
