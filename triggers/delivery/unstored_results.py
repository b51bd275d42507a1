"""Result documents that could not be stored yet, while their store is away.

Two things can be done with one. A caller over HTTP was told to look under /api/results, and nowhere
else: the input must not be settled before its document is there. Whoever sent a message or a blob
finds the document on the output queue, too: the input is settled after a short wait, and the
document is kept here until it is stored. A process that ends meanwhile loses that copy, never the
one on the queue; and an app whose Redis stays away goes on at full speed.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial

from inference.errors import Overloaded
from inference.request import Request
from inference.results.result_store import ResultStore
from triggers.retry import Retry

log = logging.getLogger(__name__)

#: Of inputs and documents together. Beyond it the oldest is given up: it is on the output queue.
MAX_BYTES = 32 * 1024 * 1024
#: An outage is waited out for so long from its beginning; a longer one holds nobody up.
GRACE_S = 5.0
FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 1.0
#: Stored at once, as soon as the store is back.
AT_ONCE = 64


class StoreUnavailable(Exception):
    """The store could not be reached for as long as it was waited for."""


class UnstoredResults:
    """Stores documents, and keeps those that it could not store. For one event loop.

    `clock` is monotonic, in seconds.
    """

    def __init__(
        self,
        results: ResultStore,
        *,
        max_bytes: int = MAX_BYTES,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._results, self._max_bytes = results, max_bytes
        self._clock, self._sleep = clock, sleep
        self._away_since: float | None = None
        #: Oldest first.
        self._kept: deque[tuple[Request, bytes]] = deque()
        self._bytes = 0
        self._storing: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<UnstoredResults {len(self._kept)} documents, {self._bytes} bytes>"

    def __len__(self) -> int:
        return len(self._kept)

    async def wait[T](self, call: Callable[[], Awaitable[T]], *, at_most_s: float) -> T:
        """The result of a call of the store, retried while it is away. Raises StoreUnavailable."""
        retry = Retry(
            bound_s=max(0.0, at_most_s),
            first_s=FIRST_PAUSE_S,
            longest_s=LONGEST_PAUSE_S,
            clock=self._clock,
            sleep=self._sleep,
        )
        try:
            return await retry.run(call, passes=lambda error: isinstance(error, Overloaded))
        except Overloaded as error:
            raise StoreUnavailable(error.message) from error

    async def finish(self, request: Request, document: bytes) -> bool:
        """Store a document, or keep it to be stored; False where its id names other content.

        Raises ValueError for one that is too large ever to be stored.
        """
        away_s = 0.0 if self._away_since is None else self._clock() - self._away_since
        try:
            return await self.wait(
                lambda: self._finish(request, document), at_most_s=GRACE_S - away_s
            )
        except StoreUnavailable:
            self._keep(request, document)
        return True

    async def _finish(self, request: Request, document: bytes) -> bool:
        try:
            mine = await self._results.finish(request, document)
        except Overloaded:
            # Of stores alone: one that takes no writes may answer all questions.
            self._away_since = self._clock() if self._away_since is None else self._away_since
            raise
        self._away_since = None
        return mine

    def _keep(self, request: Request, document: bytes) -> None:
        self._kept.append((request, document))
        self._bytes += _size(request, document)
        while self._bytes > self._max_bytes:
            given_up, _ = self._take()
            log.warning("the result of %r is on the output queue only", given_up.id)
        if self._storing is None and self._kept:
            log.warning("results wait in the process until the cache is back")
            self._storing = asyncio.get_running_loop().create_task(self._store())

    def _take(self) -> tuple[Request, bytes]:
        request, document = self._kept.popleft()
        self._bytes -= _size(request, document)
        return request, document

    async def _store(self) -> None:
        stored = 0
        try:
            while self._kept:
                # The oldest tells whether the store is back.
                oldest = self._kept[0][0].id
                await self.wait(partial(self._results.get, oldest), at_most_s=math.inf)
                batch = [self._take() for _ in range(min(AT_ONCE, len(self._kept)))]
                await asyncio.gather(*(self._store_one(*each) for each in batch))
                stored += len(batch)
            log.info("%d results that waited were stored", stored)
        except Exception as error:  # noqa: BLE001 - the next one that is kept begins anew
            log.error("storing results failed: %s", type(error).__name__)
        finally:
            self._storing = None

    async def _store_one(self, request: Request, document: bytes) -> None:
        try:
            await self.wait(lambda: self._finish(request, document), at_most_s=GRACE_S)
        except StoreUnavailable:
            self._keep(request, document)
        except Exception as error:  # noqa: BLE001 - the others' turn
            log.error("the result of %r was not stored: %s", request.id, type(error).__name__)


def _size(request: Request, document: bytes) -> int:
    return len(request.body) + len(document)
