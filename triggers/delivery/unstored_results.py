"""Result documents that could not be stored, because the cache is away.

There are two cases. A caller over HTTP looks for the result under /api/results and nowhere else, so
the input must not be settled before the document is stored. The sender of a message or a blob finds
the document on the output queue too, so the input is settled after a short wait, and the document
stays in this process until it is stored. If the process ends first, that copy is lost, but not the
one on the queue. An app whose Redis stays away works on at full speed.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial

from inference.counters.counts import Counts
from inference.errors import Overloaded
from inference.request import Request
from inference.results.result_store import ResultStore
from triggers.retry import Retry

log = logging.getLogger(__name__)

#: Of inputs and documents together. Beyond it the oldest is dropped: it is on the output queue.
MAX_BYTES = 32 * 1024 * 1024
#: Seconds from the beginning of an outage for which inputs wait for its end.
GRACE_S = 5.0
FIRST_PAUSE_S = 0.05
MAX_PAUSE_S = 1.0
#: Documents that are stored at the same time, once the cache is back.
MAX_PARALLEL = 64


class StoreUnavailable(Exception):
    """The cache was away for the whole time that the call could wait."""


class UnstoredResults:
    """Stores documents, and keeps those that it could not store yet. For one event loop.

    `clock` is monotonic, in seconds.
    """

    def __init__(
        self,
        results: ResultStore,
        counts: Counts,
        *,
        max_bytes: int = MAX_BYTES,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._results, self._counts, self._max_bytes = results, counts, max_bytes
        self._clock, self._sleep = clock, sleep
        self._away_since: float | None = None
        #: Oldest first.
        self._kept: deque[tuple[Request, bytes]] = deque()
        self._bytes = 0
        self._storing: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<UnstoredResults {len(self)} documents, {self._bytes} bytes>"

    def __len__(self) -> int:
        return len(self._kept)

    async def retry[T](self, call: Callable[[], Awaitable[T]], *, at_most_s: float) -> T:
        """The result of a call of the result store. Raises StoreUnavailable."""
        retry = Retry(
            max_s=max(0.0, at_most_s),
            first_pause_s=FIRST_PAUSE_S,
            max_pause_s=MAX_PAUSE_S,
            clock=self._clock,
            sleep=self._sleep,
        )
        try:
            return await retry.run(call, retryable=lambda error: isinstance(error, Overloaded))
        except Overloaded as error:
            raise StoreUnavailable(error.message) from error

    async def store(self, request: Request, document: bytes) -> bytes | None:
        """Store a document as ResultStore.finish does, or keep it to store it later.

        Raises ValueError if the document is too large for the cache.
        """
        away_s = 0.0 if self._away_since is None else self._clock() - self._away_since
        try:
            return await self.retry(
                lambda: self._store(request, document), at_most_s=GRACE_S - away_s
            )
        except StoreUnavailable:
            self._keep(request, document)
        return document

    async def _store(self, request: Request, document: bytes) -> bytes | None:
        try:
            stored = await self._results.finish(request, document)
        except Overloaded:
            # Only writes count: a cache that accepts none may still answer every read.
            self._away_since = self._clock() if self._away_since is None else self._away_since
            raise
        self._away_since = None
        return stored

    def _keep(self, request: Request, document: bytes) -> None:
        self._kept.append((request, document))
        self._counts.pending_results += 1
        self._bytes += _size(request, document)
        while self._bytes > self._max_bytes:
            dropped, _ = self._pop_oldest()
            log.warning("the result of request %r is on the output queue only", dropped.id)
        if self._storing is None and self._kept:
            log.warning("results are kept in the process until the cache is back")
            self._storing = asyncio.get_running_loop().create_task(self._store_kept())

    def _pop_oldest(self) -> tuple[Request, bytes]:
        request, document = self._kept.popleft()
        self._counts.pending_results -= 1
        self._bytes -= _size(request, document)
        return request, document

    async def _store_kept(self) -> None:
        stored = 0
        try:
            while self._kept:
                # A read of the oldest one's id shows when the cache is back.
                oldest = self._kept[0][0].id
                await self.retry(partial(self._results.get, oldest), at_most_s=math.inf)
                batch = [self._pop_oldest() for _ in range(min(MAX_PARALLEL, len(self)))]
                await asyncio.gather(*(self._store_one(*each) for each in batch))
                stored += len(batch)
            log.info("results that were stored late: %d", stored)
        except Exception as error:  # noqa: BLE001 - the next document that is kept starts it again
            log.error("storing the kept results failed: %s", type(error).__name__)
        finally:
            self._storing = None

    async def _store_one(self, request: Request, document: bytes) -> None:
        try:
            await self.retry(lambda: self._store(request, document), at_most_s=GRACE_S)
        except StoreUnavailable:
            self._keep(request, document)
        except Exception as error:  # noqa: BLE001 - the other documents are still to be stored
            kind = type(error).__name__
            log.error("the result of request %r was not stored: %s", request.id, kind)


def _size(request: Request, document: bytes) -> int:
    return len(request.body) + len(document)
