"""Messages whose last try ended with the process: their documents, for the output queue.

The broker gives such a message up without calling anybody. Under its id the document that its last
delivery left is final by then; whichever process runs next sends it to the queue as well.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable

from inference.errors import Overloaded
from inference.request import Request
from inference.results.final_attempts import FinalAttempts
from triggers.delivery.outbox import for_queue

log = logging.getLogger(__name__)

#: Seconds between two looks, each one small question to the cache.
LOOK_S = 20.0
#: For so long nobody else looks, unless the look ends before.
ALONE_S = 60.0


def name_of(document: bytes) -> str:
    """The id of a document's message. Sent twice, as by a process that is killed before it could
    take note, it is one where the broker looks for duplicates.
    """
    return hashlib.blake2b(document, digest_size=16).hexdigest()


class ExhaustedMessages:
    """`send` takes a document and an id for its message, and returns once the broker has it."""

    def __init__(
        self,
        final_attempts: FinalAttempts,
        send: Callable[[str, str], Awaitable[object]],
        *,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._final_attempts, self._send, self._sleep = final_attempts, send, sleep

    async def look(self) -> None:
        """Send what is due. Raises what `send` and the cache do: the next look finds the rest."""
        if not await self._final_attempts.acquire_lease(ALONE_S):
            return
        try:
            for request_id, document in await self._final_attempts.exhausted():
                asked = Request(id=request_id, source="servicebus", body=b"")
                await self._send(for_queue(asked, document), name_of(document))
                await self._final_attempts.forget([request_id])
                log.warning("request %r ended: its tries ran out", request_id)
        finally:
            await self._final_attempts.release_lease()

    async def keep_looking(self) -> None:
        """As long as the process runs."""
        while True:
            await self._sleep(LOOK_S)
            try:
                await self.look()
            except (ConnectionError, Overloaded):
                log.debug("the cache is away; looking again in %g s", LOOK_S)
            except Exception as error:  # noqa: BLE001 - nothing else would look again
                log.warning("last tries can't be told: %s", type(error).__name__)
