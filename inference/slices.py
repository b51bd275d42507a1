"""Many independent rows, some at a time.

Names, look-ups and what is kept cost a few microseconds a row on the event loop: 100,000 rows at
once would hold up everybody else for a second. Between two slices the others have their turn, with
the loop and with the model.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from inference.predictions import Prediction
from inference.request import CacheStatus
from inference.scripts.question import RowQuestion

#: Of a slice, whose rows take some 5 ms of the loop in all.
ROWS = 1_000

#: What is said of rows that came about differently: the first of these that any of them did.
_STATUSES: tuple[CacheStatus, ...] = ("miss", "joined", "bypass", "hit")


async def predicted(
    question: RowQuestion, predict: Callable[[RowQuestion], Awaitable[Prediction]]
) -> Prediction:
    """The answer to all rows. Raises what `predict` does for a slice."""
    slices: list[Prediction] = []
    for start in range(0, len(question), ROWS):
        rows = range(start, min(start + ROWS, len(question)))
        slices.append(await predict(question.take(rows)))
        await asyncio.sleep(0)  # what is found at once never gives the loop back
    return _together(slices)


def _together(slices: list[Prediction]) -> Prediction:
    ages = [each.age_s for each in slices if each.age_s is not None]
    left = [each.ttl_left_s for each in slices if each.ttl_left_s is not None]
    said = {each.cache for each in slices}
    return Prediction(
        b"[" + b",".join(each.value[1:-1] for each in slices) + b"]",
        next(status for status in _STATUSES if status in said),
        max(ages) if said == {"hit"} else None,
        hits=sum(each.hits for each in slices),
        ttl_left_s=min(left, default=None),
    )
