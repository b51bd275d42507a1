"""What an estimator's method returned, as an array or list with one item a row, in order."""

from __future__ import annotations

from typing import Any

from inference.errors import ResultUnserialisable


def by_row(answer: Any, count: int) -> Any:
    """An answer to `count` rows. Raises ResultUnserialisable where it has another length.

    A sparse matrix becomes an array and a DataFrame its values. Several outputs, each an array of
    its own (what predict_proba of a multi-output model is), become a list of them a row.
    """
    if hasattr(answer, "toarray"):
        answer = answer.toarray()
    elif hasattr(answer, "to_numpy"):
        answer = answer.to_numpy()
    if isinstance(answer, list) and len(answer) != count:
        answer = _side_by_side(answer, count)
    if not hasattr(answer, "__len__") or len(answer) != count:
        raise ResultUnserialisable(
            f"the model answered {count} rows with {_size(answer)}: expected one answer a row"
        )
    return answer


def _side_by_side(outputs: list[Any], count: int) -> list[Any]:
    if all(getattr(each, "shape", ())[:1] == (count,) for each in outputs):
        return [list(row) for row in zip(*outputs, strict=True)]
    return outputs


def _size(answer: Any) -> str:
    return f"{len(answer)} answers" if hasattr(answer, "__len__") else type(answer).__name__
