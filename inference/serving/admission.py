"""Who would come too late is refused at once.

A full line is answered in order, and the first in it is always the one whose time is nearly over:
with more requests than the model can answer it would work for nobody. So a request stands in line
only where what stands before it leaves time for it, by what the model took lately. A caller that is
refused may ask elsewhere.
"""

from __future__ import annotations

import asyncio
import math

from inference.errors import Overloaded
from inference.serving.deadlines import Wait

#: Of the time that a caller has left, as much as may go by until the model is expected to begin on
#: its question, and until it is expected to answer. The rest is for calls that are slower than the
#: last ones, the more the longer the line, and for the answer's way back.
BEGIN_SHARE, ANSWER_SHARE = 0.5, 0.9


def require_time(units: int, *, before: int, unit_s: float, wait: Wait) -> None:
    """Raises Overloaded where `units` behind `before` others would take more than there is."""
    if not before or wait.deadline == math.inf:
        return  # with nothing before it, it may be slower than expected: nobody else suffers
    expected_s = (before + units) * unit_s
    # The loop's clock is time.monotonic() too, but where tests let it run.
    left_s = wait.deadline - asyncio.get_running_loop().time()
    if before * unit_s > BEGIN_SHARE * left_s or expected_s > ANSWER_SHARE * left_s:
        raise Overloaded(
            f"the model needs about {expected_s:.1f} s for what waits; try again later"
        )
