"""Values that an estimator refuses: too big for its float32, or infinite once they are scaled.

Nobody can know them before the estimator has tried, and the caller can correct them.
"""

from __future__ import annotations

from collections.abc import Callable

from inference.errors import UnfitInput
from inference.script_errors import ScriptErrors

#: scikit-learn's function that checks every input of an estimator, and of each step in a pipeline.
CHECK = "check_array"


def call_estimator[T](call: Callable[[], T], errors: ScriptErrors) -> T:
    """The result of `call`. Raises UnfitInput if the estimator's check refuses the values."""
    try:
        return call()
    except ValueError as error:
        words = errors.describe_refusal(error, CHECK)
        if words is None:
            raise
        raise UnfitInput(
            field="data", expected="values that the model can compute with", got=words
        ) from errors.cause(error)
