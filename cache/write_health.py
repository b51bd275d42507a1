"""Whether a Redis server accepts writes."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable

from redis import exceptions

from cache.degradation import Degradation, explain_refusal
from cache.errors import CacheUnavailable

log = logging.getLogger(__name__)

#: Seconds after a refused write in which a successful one does not yet count as recovery: one node
#: of a cluster may be full, and a user may be allowed to write some keys only.
DOUBT_S = 1.0

#: Seconds at least between two generations of connections.
RENEW_S = 5.0


class WriteHealth:
    """Records how the last writes ended. It logs each change once."""

    def __init__(self, place: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._place, self._clock = place, clock
        self._refused_at = 0.0
        self._renew_at = -math.inf
        self.degradation: Degradation | None = None
        #: Connections of an older generation reconnect. A primary that became a replica keeps its
        #: connections, while its name resolves to the new primary.
        self.generation = 0

    def __repr__(self) -> str:
        state = "accepted" if self.degradation is None else f"refused, {self.degradation.code}"
        return f"<WriteHealth {self._place} {state}>"

    def error(self, refusal: exceptions.ResponseError) -> CacheUnavailable:
        """What a caller who waits for a refused write gets."""
        reason = explain_refusal(refusal).message
        return CacheUnavailable(f"{self._place} refused a write: {reason} ({refusal})")

    def record_refusal(self, refusal: exceptions.ResponseError) -> None:
        degradation = explain_refusal(refusal)
        self._refused_at = now = self._clock()
        if isinstance(refusal, exceptions.ReadOnlyError) and now >= self._renew_at:
            self.generation += 1
            self._renew_at = now + RENEW_S
        if self.degradation != degradation:
            self.degradation = degradation
            log.warning(
                "%s answers and refuses writes: %s (%s)",
                *(self._place, degradation.message, refusal),
            )

    def record_success(self, *, probe: bool = False) -> None:
        """Note a write that succeeded. That of a health check, a `probe`, ends a doubt at once."""
        if self.degradation is None:
            return
        if probe or self._clock() >= self._refused_at + DOUBT_S:
            self.degradation = None
            log.info("%s accepts writes again", self._place)
