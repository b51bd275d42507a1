"""Documents of messages for the output queue that no delivery can send any more.

The last delivery of a message may end with its process. The broker dead-letters the message then
without calling the app. The document that the delivery left in the result store is final, and the
next process that runs sends it. It also sends the documents that the queue did not take.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable

from inference.errors import Overloaded
from inference.results.final_attempts import FinalAttempts
from triggers.delivery.queue_document import QueueDocument
from triggers.service_bus_trigger.result_messages import message_id_of

log = logging.getLogger(__name__)

#: Seconds between two polls. Each is one small read of the cache.
POLL_S = 20.0
#: For so long, or until its poll ends, no other process polls.
LEASE_S = 60.0
#: With so many documents that were not sent, a poll ends: the broker is likely to be away.
MAX_FAILURES = 5


class ExhaustedMessages:
    """`send` takes a document and its message's id, and returns once the broker has it."""

    def __init__(
        self,
        final_attempts: FinalAttempts,
        send: Callable[[str, str], Awaitable[object]],
        *,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._final_attempts, self._send, self._sleep = final_attempts, send, sleep

    async def poll(self) -> None:
        """Send the documents that are due.

        Raises what the cache raises, and the last error of `send`. One document that is refused
        keeps no other from being sent. The next poll sends the rest.
        """
        if not await self._final_attempts.acquire_lease(LEASE_S):
            return
        try:
            await self._send_due()
        finally:
            await self._final_attempts.release_lease()

    async def _send_due(self) -> None:
        failures: list[Exception] = []
        due = await self._final_attempts.due()
        # In another order each time: those that fail differ from poll to poll.
        for request_id, document in random.sample(due, len(due)):
            try:
                text = QueueDocument(document).text(request_id)
                await self._send(text, message_id_of(document))
            except Exception as error:  # noqa: BLE001 - the SDK raises anything
                failures.append(error)
                if len(failures) == MAX_FAILURES:
                    break
                continue
            await self._final_attempts.forget([request_id])
            log.warning("the document of request %r was sent after its last attempt", request_id)
        if failures:
            raise failures[-1]

    async def poll_forever(self) -> None:
        while True:
            await self._sleep(POLL_S)
            try:
                await self.poll()
            except (ConnectionError, Overloaded):
                log.debug("the cache is away; next poll in %g s", POLL_S)
            except Exception as error:  # noqa: BLE001 - only this loop sends them
                kind = type(error).__name__
                log.warning("the documents of last attempts were not sent: %s", kind)
