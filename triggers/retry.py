"""Waiting out what may pass: one rule for trying again inside a call of the platform.

The platform's own tries follow each other within half a second, and are few: a second of trouble
would use them up. So only what is left after this counts as one of them.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Retry:
    """Pauses that double from `first_s` to `longest_s`, for `bound_s` after the first failure."""

    bound_s: float
    first_s: float = 0.5
    longest_s: float = 15.0
    #: Monotonic.
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep

    async def run[T](
        self,
        call: Callable[[], Awaitable[T]],
        *,
        passes: Callable[[Exception], bool],
        noted: Callable[[Exception, float], object] = lambda _error, _pause_s: None,
    ) -> T:
        """What `call` returns at last. Raises its error: one that does not pass, or the last one.

        `noted` is told of each pause: the error before it, and its length in seconds.
        """
        ends_at: float | None = None
        pause_s = self.first_s
        while True:
            try:
                return await call()
            except Exception as error:
                now = self.clock()
                ends_at = now + self.bound_s if ends_at is None else ends_at
                if not passes(error) or now + pause_s > ends_at:
                    raise
                noted(error, pause_s)
            # Several that failed together should not come back together.
            await self.sleep(pause_s * random.uniform(0.75, 1.0))  # noqa: S311 - no secret
            pause_s = min(pause_s * 2, self.longest_s)
