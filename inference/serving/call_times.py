"""How long calls of the model take, averaged over the last ones."""

from __future__ import annotations

import time
from collections.abc import Callable

from inference.serving.call_pace import MIN_ROWS, CallPace

#: About how many of the last calls an average covers.
MEMORY = 16


class CallTimes:
    """Measures calls.

    `row_s` is wall time. Whether a call is fast is decided by processor time, which leaves out
    what a call waits for the interpreter.
    """

    def __init__(self) -> None:
        #: Seconds a row; 0 before the first call.
        self.row_s = 0.0
        self._call_cpu_s = self._row_cpu_s = 0.0
        self.pace = CallPace()

    def __repr__(self) -> str:
        row_us, call_us = self.row_s * 1e6, self._call_cpu_s * 1e6
        return f"<CallTimes {row_us:.0f} us a row, {call_us:.0f} us a call>"

    def measure[T](self, rows: int, call: Callable[[], T]) -> T:
        """The result of a call for so many rows. A call that raises is not counted."""
        began, cpu_began = time.perf_counter(), time.thread_time()
        result = call()
        cpu_s = time.thread_time() - cpu_began
        seconds = time.perf_counter() - began
        self.row_s = _average(self.row_s, seconds / rows)
        if rows >= MIN_ROWS:
            self.pace.record(rows, seconds)
        self._row_cpu_s = _average(self._row_cpu_s, cpu_s / rows)
        self._call_cpu_s = _average(self._call_cpu_s, cpu_s)
        return result

    def is_below(self, seconds: float, *, rows: int) -> bool:
        """Whether a call for so many rows probably takes less. False before the first call."""
        return self.row_s > 0 and max(self._call_cpu_s, self._row_cpu_s * rows) < seconds


def _average(so_far: float, latest: float) -> float:
    return so_far + (latest - so_far) / MEMORY if so_far else latest
