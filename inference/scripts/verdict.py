"""Values that an estimator itself refuses: too big for its float32, or beyond all bounds once
scaled. What it takes can't be told beforehand, and the caller can mend it.
"""

from __future__ import annotations

from collections.abc import Callable

from inference.errors import UnfitInput
from inference.scripts import guard

#: scikit-learn's function that every input of an estimator, and of each step, passes through.
CHECK = "check_array"


def judged[T](call: Callable[[], T]) -> T:
    """Call an estimator. Raises UnfitInput where it refuses the values."""
    try:
        return call()
    except ValueError as error:
        if CHECK not in {code.co_name for code in guard.codes(error)}:
            raise
        raise UnfitInput(
            field="data", expected="values that the model can compute with", got=guard.told(error)
        ) from error
