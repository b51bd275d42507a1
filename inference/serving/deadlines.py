"""How long callers wait for an answer: each until its own end, all watched by one timer."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from typing import Any

from inference.errors import Overloaded, ScoringTimeout, TransientError

#: Seconds between two looks at the clock: an end is told this much late at most.
GRAIN_S = 0.01


class Wait:
    """One caller's wait, which ends at `deadline`, a time.monotonic().

    Infinity: nobody waits at the other end, and the answer may take as long as it takes.
    """

    __slots__ = ("begun", "deadline", "expired")

    def __init__(self, deadline: float = math.inf) -> None:
        self.deadline = deadline
        #: Whether the model has begun on what is waited for. Set from any thread.
        self.begun = False
        #: Whether it ended before there was an answer.
        self.expired = False

    def error(self, limit_s: float) -> TransientError:
        """What whoever waited is told once the `limit_s` seconds it had are over."""
        if self.begun:
            return ScoringTimeout(f"no answer within {limit_s:g} s (SCORING_TIMEOUT_S)")
        return Overloaded(f"the model did not get to this request within {limit_s:g} s")


class Deadlines:
    """Cancels the task of a wait that is over. For one event loop.

    A timer for each would cost 4 us a request, this costs a tenth of it.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._waiting: dict[Wait, asyncio.Task[Any]] = {}
        #: When the clock is looked at next; infinity: no timer is set.
        self._looks_at = math.inf
        self._timer: asyncio.TimerHandle | None = None

    def __repr__(self) -> str:
        return f"<Deadlines {len(self._waiting)} waiting>"

    def watch(self, wait: Wait) -> None:
        """The current task waits from here on, until it leaves."""
        deadline = wait.deadline
        if deadline == math.inf or (task := asyncio.current_task()) is None:
            return
        self._waiting[wait] = task
        if deadline < self._looks_at:
            self._look_at(deadline)

    def leave(self, wait: Wait) -> bool:
        """The current task waits no more; whether it was cancelled here, and by nobody else."""
        self._waiting.pop(wait, None)
        if not wait.expired or (task := asyncio.current_task()) is None:
            return False
        return task.uncancel() == 0

    def _look_at(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._looks_at = when
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(max(0.0, when - self._clock()), self._look)

    def _look(self) -> None:
        self._timer, self._looks_at = None, math.inf
        now, following = self._clock(), math.inf
        for wait, task in tuple(self._waiting.items()):
            if wait.deadline <= now:
                del self._waiting[wait]
                wait.expired = True
                task.cancel()
            else:
                following = min(following, wait.deadline)
        if following < math.inf:
            self._look_at(max(following, now + GRAIN_S))
