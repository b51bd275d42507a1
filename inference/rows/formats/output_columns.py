"""The names of the columns that scoring adds to a table: predictions, and each row's error."""

from __future__ import annotations

from collections.abc import Collection

PREDICTION, ERROR = "prediction", "error"
#: Of a column whose name the input has already.
SUFFIX = "_scored"


def prediction_names(outputs: int | None, taken: Collection[str]) -> list[str]:
    """`prediction`, or `prediction_0`, … for several outputs. `taken`: the input's columns."""
    plain = [PREDICTION] if outputs is None else [f"{PREDICTION}_{at}" for at in range(outputs)]
    return [free_name(name, taken) for name in plain]


def error_name(taken: Collection[str]) -> str:
    return free_name(ERROR, taken)


def free_name(name: str, taken: Collection[str]) -> str:
    while name in taken:
        name += SUFFIX
    return name
