"""Retries inside one call of the platform.

The platform's own retries are few and follow each other within half a second: an outage of a second
would use them all up. Therefore an error counts as one of them only if it outlasts these retries.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Retry:
    """Retries for `max_s` seconds after the first failure, with pauses that double."""

    max_s: float
    first_pause_s: float = 0.5
    max_pause_s: float = 15.0
    #: Monotonic, in seconds.
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep

    async def run[T](
        self,
        call: Callable[[], Awaitable[T]],
        *,
        retryable: Callable[[Exception], bool],
        on_retry: Callable[[Exception, float], object] = lambda _error, _pause_s: None,
    ) -> T:
        """The result of `call`. Raises its error if that is not retryable, or if time is up.

        `on_retry` gets the error and the length of the pause after it, in seconds.
        """
        ends_at: float | None = None
        pause_s = self.first_pause_s
        while True:
            try:
                return await call()
            except Exception as error:
                now = self.clock()
                ends_at = now + self.max_s if ends_at is None else ends_at
                if not retryable(error) or now + pause_s > ends_at:
                    raise
                on_retry(error, pause_s)
            # Random, so that calls which failed together are not retried together.
            await self.sleep(pause_s * random.uniform(0.75, 1.0))  # noqa: S311 - no secret
            pause_s = min(pause_s * 2, self.max_pause_s)
