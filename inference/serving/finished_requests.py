"""Where every request ends: it is counted, and reported to those that observe requests.

A trigger calls `report` once for each request, message and blob, when its outcome is known.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

from inference.counters.counts import Counts
from inference.models import ModelId
from inference.request import CacheStatus, Source

#: Of messages and blobs. The platform delivers one that is `returned` again.
Outcome = Literal["succeeded", "failed", "returned"]
#: Of those that were not scored, which are not counted: one that had been finished before; a blob
#: that was replaced or deleted before its end.
Unscored = Literal["repeated", "superseded", "deleted"]


class FinishedRequest(NamedTuple):
    """One request, blob or message, and what it ended in."""

    trigger: Source
    #: Of HTTP: `score`, `v2`, `results` or `console/files`. Empty for messages and blobs.
    route: str
    #: Of HTTP the response's, of messages and blobs their outcome.
    status: int | Outcome | Unscored
    #: The caller's own text: any characters. Empty if the blob could not be read.
    request_id: str
    #: Since the trigger got it.
    seconds: float
    #: None where no prediction was made.
    cache: CacheStatus | None
    #: None where they were not counted: the request failed before, or is a script's own.
    rows: int | None
    #: The code of the error that it ended in.
    error: str | None
    model: ModelId


Observer = Callable[[FinishedRequest], object]


class FinishedRequests:
    """`model` returns the model that answers now."""

    def __init__(self, counts: Counts, model: Callable[[], ModelId]) -> None:
        self.counts, self._model = counts, model
        self._observers: tuple[Observer, ...] = ()

    def __repr__(self) -> str:
        return f"<FinishedRequests {len(self._observers)} observers>"

    @property
    def is_observed(self) -> bool:
        """Whether the details of a request are worth collecting."""
        return bool(self._observers)

    def observe(self, observer: Observer) -> None:
        """Call `observer` for every request, on the event loop: it must neither raise nor block."""
        self._observers += (observer,)

    def report(
        self,
        trigger: Source,
        route: str,
        status: int | Outcome,
        seconds: float,
        *,
        request_id: str = "",
        cache: CacheStatus | None = None,
        rows: int | None = None,
        error: str | None = None,
    ) -> None:
        """Count a request and notify the observers."""
        self.counts.requests.record(trigger, route, status, seconds)
        if self._observers:
            self.notify(
                *(trigger, route, status, seconds),
                request_id=request_id,
                cache=cache,
                rows=rows,
                error=error,
            )

    def notify(
        self,
        trigger: Source,
        route: str,
        status: int | Outcome | Unscored,
        seconds: float,
        *,
        request_id: str = "",
        cache: CacheStatus | None = None,
        rows: int | None = None,
        error: str | None = None,
    ) -> None:
        """Notify the observers of a request that is not counted: it asks for no prediction."""
        finished = FinishedRequest(
            *(trigger, route, status, request_id, seconds, cache, rows, error),
            self._model(),
        )
        for observer in self._observers:
            observer(finished)
