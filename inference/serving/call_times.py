"""What a call of the model takes, by its calls so far."""

from __future__ import annotations

import time
from collections.abc import Callable

#: Of an average over the last so many calls, about.
MEMORY = 16


class CallTimes:
    """Averages. `row_s` counts seconds as they pass; whether a call is quick is told by what it
    takes of a processor: waiting for the interpreter, for one, is none of a call's own.
    """

    def __init__(self) -> None:
        #: Seconds that a row took; 0 until one was answered.
        self.row_s = 0.0
        self._call_cpu_s = self._row_cpu_s = 0.0

    def __repr__(self) -> str:
        return (
            f"<CallTimes {self.row_s * 1e6:.0f} us a row, {self._call_cpu_s * 1e6:.0f} us a call>"
        )

    def timed[T](self, rows: int, call: Callable[[], T]) -> T:
        """What a call for so many rows brings. One that fails counts for nothing."""
        began, cpu_began = time.perf_counter(), time.thread_time()
        result = call()
        cpu_s = time.thread_time() - cpu_began
        self.row_s = _average(self.row_s, (time.perf_counter() - began) / rows)
        self._row_cpu_s = _average(self._row_cpu_s, cpu_s / rows)
        self._call_cpu_s = _average(self._call_cpu_s, cpu_s)
        return result

    def is_under(self, seconds: float, *, rows: int) -> bool:
        """Whether a call for so many rows takes less, most likely; not while nothing is known."""
        return self.row_s > 0 and max(self._call_cpu_s, self._row_cpu_s * rows) < seconds


def _average(so_far: float, latest: float) -> float:
    return so_far + (latest - so_far) / MEMORY if so_far else latest
