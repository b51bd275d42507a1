"""Why a cache is not what it should be: away, or answering and taking no writes."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from typing import NamedTuple

from redis import exceptions

from cache.errors import CacheUnavailable

log = logging.getLogger(__name__)

#: Seconds after a refusal in which a write that succeeds does not yet mean that all do: of a
#: cluster's nodes one may be full, and a user may write under some names only.
DOUBT_S = 1.0

#: Seconds at least between two times that connections are made anew because of a replica.
RENEW_S = 5.0


class Trouble(NamedTuple):
    """For operators; it names no server and no user."""

    #: One of a handful of words, for metrics and alerts.
    code: str
    what: str


#: What the app's user has to be granted.
GRANT = "grant it `~triscore:* +ping +set +get +mget +del +eval +exists +getrange`"

AWAY = Trouble("away", "it does not answer, or refuses to serve this app at all; the log says more")

_REFUSALS = {
    "READONLY": Trouble("read_only", "it is a replica: write its primary's address into REDIS_URL"),
    "OOM": Trouble("full", "it is full and evicts nothing: set maxmemory-policy to allkeys-lru"),
    "NOPERM": Trouble("no_permission", f"its user may not write: {GRANT}"),
    "MISCONF": Trouble("not_saving", "it could not save and takes no writes: see to its disk"),
    "NOREPLICAS": Trouble("no_replicas", "it wants more replicas before it takes writes"),
    "MOVED": Trouble("cluster", "its keys lie on several nodes: set REDIS_CLUSTER=true"),
}
REFUSED = Trouble("refused", "it takes no writes; the log says what it answers")


def is_refusal(answer: object) -> bool:
    """Whether a server answered a write by refusing it, and may well serve reads."""
    return isinstance(answer, exceptions.ResponseError) and not isinstance(
        answer, exceptions.ClusterDownError
    )


def of_refusal(refusal: exceptions.ResponseError) -> Trouble:
    # redis-py cuts off the first word of the errors that it knows.
    code = refusal.status_code or str(refusal).partition(" ")[0]
    return _REFUSALS.get(code, REFUSED)


class Writes:
    """Whether a server takes writes, by how the last ones ended. It logs each change, once."""

    def __init__(self, place: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._place, self._clock = place, clock
        self._refused_at = 0.0
        self._renew_at = -math.inf
        self.trouble: Trouble | None = None
        #: A connection of another generation is to be made anew: a primary that became a replica
        #: keeps its connections, while its name leads to another server by now.
        self.generation = 0

    def __repr__(self) -> str:
        state = "taken" if self.trouble is None else f"refused, {self.trouble.code}"
        return f"<Writes {self._place} {state}>"

    def error(self, refusal: exceptions.ResponseError) -> CacheUnavailable:
        """What to raise where somebody waits for a write that was refused."""
        what = of_refusal(refusal).what
        return CacheUnavailable(f"{self._place} refused a write: {what} ({refusal})")

    def refused(self, refusal: exceptions.ResponseError) -> None:
        """Note a refusal."""
        trouble = of_refusal(refusal)
        self._refused_at = now = self._clock()
        if isinstance(refusal, exceptions.ReadOnlyError) and now >= self._renew_at:
            self.generation += 1
            self._renew_at = now + RENEW_S
        if self.trouble != trouble:
            self.trouble = trouble
            log.warning(
                "%s answers and refuses writes: %s (%s)", self._place, trouble.what, refusal
            )

    def taken(self, *, asked: bool = False) -> None:
        """Note a write that succeeded; `asked`: it was made to see whether writes do."""
        if self.trouble is None or not (asked or self._clock() >= self._refused_at + DOUBT_S):
            return
        self.trouble = None
        log.info("%s takes writes again", self._place)
