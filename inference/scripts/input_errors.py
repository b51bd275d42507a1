"""Values that an estimator itself refuses: too big for its float32, or beyond all bounds once
scaled. What it takes can't be told beforehand, and the caller can mend it.
"""

from __future__ import annotations

from collections.abc import Callable

from inference.errors import UnfitInput
from inference.script_errors import ScriptErrors

#: scikit-learn's function that every input of an estimator, and of each step, passes through.
CHECK = "check_array"


def call_estimator[T](call: Callable[[], T], errors: ScriptErrors) -> T:
    """Call an estimator. Raises UnfitInput where it refuses the values."""
    try:
        return call()
    except ValueError as error:
        words = errors.describe_refusal(error, CHECK)
        if words is None:
            raise
        raise UnfitInput(
            field="data", expected="values that the model can compute with", got=words
        ) from errors.cause(error)
