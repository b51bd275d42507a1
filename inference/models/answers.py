"""What an estimator's method returned, as an array or list with one item a row, in order."""

from __future__ import annotations

from typing import Any

import numpy as np

from inference.errors import ResultUnserialisable
from inference.rows.codecs import json_codec

#: NumPy's kinds whose JSON lists hold a comma between two items and nowhere else.
_PLAIN_KINDS = frozenset("iufb")


def one_per_row(answer: Any, count: int) -> Any:
    """An answer to `count` rows. Raises ResultUnserialisable where it has another length.

    A sparse matrix becomes an array and a DataFrame its values. Several outputs, each an array of
    its own (what predict_proba of a multi-output model is), become a list of them a row.
    """
    if hasattr(answer, "toarray"):
        answer = answer.toarray()
    elif hasattr(answer, "to_numpy"):
        answer = answer.to_numpy()
    if isinstance(answer, list) and _are_outputs(answer, count):
        answer = [list(row) for row in zip(*answer, strict=True)]
    if not hasattr(answer, "__len__") or len(answer) != count:
        raise ResultUnserialisable(
            f"the model answered {count} rows with {_size(answer)}: expected one answer a row"
        )
    return answer


def encode_by_row(answer: Any) -> list[bytes]:
    """Each item of an array or list, as the bytes that it has in the JSON of the whole."""
    if isinstance(answer, np.ndarray) and answer.ndim == 1 and answer.dtype.kind in _PLAIN_KINDS:
        whole = json_codec.dumps(answer)
        return whole[1:-1].split(b",") if len(answer) else []
    if isinstance(answer, np.ndarray) and answer.ndim == 1:
        answer = answer.tolist()
    return [json_codec.dumps(item) for item in answer]


def _are_outputs(answer: list[Any], count: int) -> bool:
    """Whether each item holds something for every row, rather than for a row of its own.

    As many outputs as rows could be either where they are flat; tables are outputs.
    """
    if not all(getattr(each, "shape", ())[:1] == (count,) for each in answer):
        return False
    return len(answer) != count or all(each.ndim == 2 for each in answer)


def _size(answer: Any) -> str:
    return f"{len(answer)} answers" if hasattr(answer, "__len__") else type(answer).__name__
