"""Sends the documents of last deliveries, after which no other delivery can send them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

import orjson

from inference.errors import Overloaded
from inference.results.final_attempts import FinalAttempts
from triggers.service_bus_trigger.result_messages import message_id_of

log = logging.getLogger(__name__)


class LastDeliveries:
    """`send` takes a document and its message's id, and returns once the broker has it."""

    def __init__(
        self, final_attempts: FinalAttempts, send: Callable[[str, str], Awaitable[object]]
    ) -> None:
        self._final_attempts, self._send = final_attempts, send

    async def send(self, documents: Sequence[str]) -> list[str]:
        """Send documents together. Those that the queue does not take are sent later.

        Returns the documents that are neither sent nor kept. Raises nothing.
        """
        sent = await asyncio.gather(
            *(self._send(each, message_id_of(each.encode())) for each in documents),
            return_exceptions=True,
        )
        left = {
            document: failure
            for document, failure in zip(documents, sent, strict=True)
            if isinstance(failure, BaseException)
        }
        if not left or await keep_unsent(self._final_attempts, *left.items()):
            return []
        return list(left)


async def keep_unsent(final_attempts: FinalAttempts, *documents: tuple[str, BaseException]) -> bool:
    """Leave documents to the polls of ExhaustedMessages. False if Redis does not take their ids.

    Each comes with the error that it could not be sent with.
    """
    ids = [str(orjson.loads(document)["id"]) for document, _ in documents]
    try:
        kept = await final_attempts.add_unsent(ids)
    except (ConnectionError, Overloaded):
        kept = False
    log.warning(
        "the output queue does not take the documents of %d requests, the first of them %r (%s):"
        " they are %s",
        *(len(ids), ids[0], type(documents[0][1]).__name__),
        "sent later" if kept else "not sent again",
    )
    return kept
