"""Ends requests at their deadlines: one timer watches all of them."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from typing import Any

from inference.errors import Overloaded, ScoringTimeout, TransientError

#: Seconds between two checks. A wait ends at most this much after its deadline.
GRAIN_S = 0.01


class Wait:
    """One caller's wait for an answer, until `deadline` by time.monotonic().

    With an infinite deadline nobody waits for the response, and the answer may take any time.
    """

    __slots__ = ("begun", "deadline", "expired")

    def __init__(self, deadline: float = math.inf) -> None:
        self.deadline = deadline
        #: Whether the model has begun on the answer. Set from any thread.
        self.begun = False
        #: Whether it ended without an answer, at its deadline.
        self.expired = False

    def timeout_error(self, limit_s: float) -> TransientError:
        """What the caller gets at its deadline, after `limit_s` seconds."""
        if self.begun:
            return ScoringTimeout(f"no answer within {limit_s:g} s (SCORING_TIMEOUT_S)")
        return Overloaded(
            f"the model did not get to this request within {limit_s:g} s; try again later"
        )


class Deadlines:
    """Cancels the task of each wait at its deadline. For one event loop.

    A timer for each request would cost 4 us; this costs a tenth of that.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._tasks: dict[Wait, asyncio.Task[Any]] = {}
        #: When the timer fires; infinity: no timer is set.
        self._next_check = math.inf
        self._timer: asyncio.TimerHandle | None = None

    def __repr__(self) -> str:
        return f"<Deadlines {len(self._tasks)} waiting>"

    def watch(self, wait: Wait) -> None:
        """Cancel the current task at the wait's deadline, unless `leave` is called before."""
        deadline = wait.deadline
        if deadline == math.inf or (task := asyncio.current_task()) is None:
            return
        self._tasks[wait] = task
        if deadline < self._next_check:
            self._check_at(deadline)

    def leave(self, wait: Wait) -> bool:
        """Stop watching. Returns whether the current task was cancelled here and only here."""
        self._tasks.pop(wait, None)
        if not wait.expired or (task := asyncio.current_task()) is None:
            return False
        return task.uncancel() == 0

    def _check_at(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._next_check = when
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(max(0.0, when - self._clock()), self._check)

    def _check(self) -> None:
        self._timer, self._next_check = None, math.inf
        now, following = self._clock(), math.inf
        for wait, task in tuple(self._tasks.items()):
            if wait.deadline <= now:
                del self._tasks[wait]
                wait.expired = True
                task.cancel()
            else:
                following = min(following, wait.deadline)
        if following < math.inf:
            self._check_at(max(following, now + GRAIN_S))
