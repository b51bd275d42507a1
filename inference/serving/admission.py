"""Refuses a request at once if its answer would be late.

Requests are answered in order of arrival. If more come than the model can answer, each one that
reaches the model has almost no time left, and the model works for nobody. So a request is queued
only if the calls before it leave time for it, judging by the last calls. A refused caller may try
elsewhere.
"""

from __future__ import annotations

import asyncio
import math

from inference.errors import Overloaded
from inference.serving.deadlines import Wait

#: Shares of a caller's remaining time in which the model must be expected to begin, and to answer.
#: The rest is for calls that are slower than the last ones, and for the way of the response.
BEGIN_SHARE, ANSWER_SHARE = 0.5, 0.9


def require_time(units: int, *, before: int, unit_s: float, wait: Wait) -> None:
    """Raises Overloaded if `units`, behind `before` others, would probably be answered late.

    With none before them they are always tried: they delay nobody, and may be faster than expected.
    """
    if not before or wait.deadline == math.inf:
        return
    expected_s = (before + units) * unit_s
    # The loop's clock is time.monotonic(), except in tests.
    left_s = wait.deadline - asyncio.get_running_loop().time()
    if before * unit_s > BEGIN_SHARE * left_s or expected_s > ANSWER_SHARE * left_s:
        raise Overloaded(
            f"the model needs about {expected_s:.1f} s for the rows that wait; try again later"
        )
