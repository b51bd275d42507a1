"""How many rows one call of the model takes, so that other callers wait for it only briefly.

A call takes some seconds however few rows it has, and more seconds for each row. Both depend on the
model, so they are measured. The number of rows doubles while calls are short, or while twice the
rows make a row cheaper.
"""

from __future__ import annotations

#: Rows of a call, at least and at most.
MIN_ROWS, MAX_ROWS = 8, 16384
#: Seconds that a call should take at most.
CALL_S = 0.02
#: A longer call pays if a row of it takes less than this share of a row's time in half the call.
CHEAPER = 0.9
#: After so many calls one has twice the rows: the first measurements may have been misleading.
PROBE_EVERY = 64
#: What a longer and a shorter measurement count for in the average. The first calls of a model, and
#: calls on a busy machine, take longer than the next ones.
LONGER_WEIGHT, SHORTER_WEIGHT = 0.25, 0.75


class CallPace:
    """Learns from the calls of one model."""

    def __init__(self) -> None:
        #: Seconds of a call of MIN_ROWS rows, of twice as many, and so on.
        self._seconds: list[float] = []
        self._calls = 0

    def __repr__(self) -> str:
        return f"<CallPace {self.rows} rows>"

    @property
    def rows(self) -> int:
        """How many rows the next call takes."""
        best = 0
        while best < len(self._seconds) and self._pays(best):
            best += 1
        if self._calls % PROBE_EVERY == PROBE_EVERY - 1:
            best += 1
        return min(MIN_ROWS << min(best, len(self._seconds)), MAX_ROWS)

    def record(self, rows: int, seconds: float) -> None:
        """Learn from a call. Calls of fewer than MIN_ROWS rows are left out."""
        at = (min(rows, MAX_ROWS) // MIN_ROWS).bit_length() - 1
        if at < 0:
            return
        self._calls += 1
        seconds *= (MIN_ROWS << at) / rows
        if at < len(self._seconds):
            difference = seconds - self._seconds[at]
            weight = LONGER_WEIGHT if difference > 0 else SHORTER_WEIGHT
            self._seconds[at] += weight * difference
        elif at == len(self._seconds):
            self._seconds.append(seconds)

    def _pays(self, at: int) -> bool:
        """Whether a call may have more rows than those of `_seconds[at]`."""
        longer = self._seconds[at + 1 : at + 2]
        if not longer:  # it is not known how long that takes
            return True
        return longer[0] <= CALL_S or longer[0] < 2 * CHEAPER * self._seconds[at]
