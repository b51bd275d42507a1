"""The names of the columns that are written beside the caller's own."""

from __future__ import annotations

from collections.abc import Container, Iterator
from typing import Any

PREDICTION, ERROR = "prediction", "error"
#: Ends a name of ours that the caller has already.
SUFFIX = "_scored"


def free_name(name: str, taken: Container[str]) -> str:
    """The name, with as many suffixes as make it differ from the caller's."""
    while name in taken:
        name += SUFFIX
    return name


def outputs(prediction: Any) -> Iterator[tuple[str, Any]]:
    """The name and value of each output of a row: `prediction`, or `prediction_0` and so on."""
    if not isinstance(prediction, list):
        yield PREDICTION, prediction
        return
    for at, value in enumerate(prediction):
        yield f"{PREDICTION}_{at}", value


def prediction_names(outputs: int | None) -> list[str]:
    """`prediction`, or one name an output of a model with several."""
    return [PREDICTION] if outputs is None else [f"{PREDICTION}_{at}" for at in range(outputs)]
