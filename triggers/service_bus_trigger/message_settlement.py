"""Settles each message of a batch by itself, as soon as it is finished."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import orjson

from inference.results.final_attempts import FinalAttempts
from inference.tracebacks import format_error
from inference.tracing.spans import Carrier
from triggers.delivery.outbox import TRIES_EXHAUSTED
from triggers.delivery.output_queue import Outgoing
from triggers.service_bus_trigger.deliveries import Delivery, read_batch
from triggers.service_bus_trigger.last_deliveries import keep_unsent
from triggers.service_bus_trigger.message_outcomes import Outcome
from triggers.service_bus_trigger.message_scoring import LOCK_S, MessageHandler
from triggers.service_bus_trigger.received_message import ReceivedMessage
from triggers.service_bus_trigger.result_messages import result_message

log = logging.getLogger(__name__)

#: How long a message with a retryable error is held before it is abandoned, in seconds. The time
#: doubles with each delivery, up to MAX_HOLD_S. Abandoning itself has no delay.
HOLD_S = 5.0
MAX_HOLD_S = 60.0
#: The shortest time between two renewals of the locks, in seconds.
MIN_RENEWAL_S = 1.0
#: The broker's limit for a reason and a description, in characters.
MAX_REASON = 4096


class Actions(Protocol):
    """Settles by lock token. Raises an exception if a message can't be settled."""

    async def complete(self, lock_token: str) -> None: ...
    async def abandon(self, lock_token: str) -> None: ...
    async def dead_letter(self, lock_token: str, reason: str, description: str) -> None: ...
    async def renew(self, lock_token: str) -> None: ...


class MessageSettler:
    """`send` and `requeue` put a message on the output queue and on the input queue.

    Locks of messages in a session are not renewed: the platform renews the session's lock.
    """

    def __init__(
        self,
        handler: MessageHandler,
        final_attempts: FinalAttempts,
        *,
        send: Callable[[Outgoing], Awaitable[object]],
        requeue: Callable[[Outgoing], Awaitable[object]],
        max_delivery_count: int,
        renews_locks: bool = True,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._renews_locks = renews_locks
        self._handler, self._final_attempts = handler, final_attempts
        self._send, self._requeue, self._sleep = send, requeue, sleep
        self._max_delivery_count = max_delivery_count

    async def settle(self, messages: Sequence[ReceivedMessage], actions: Actions) -> None:
        """Score a batch, send each document, and settle each message after it.

        Returns when all are settled. A message that could not be settled is delivered again.
        """
        unsettled = {message.lock_token for message in messages}
        renewing = asyncio.create_task(self._renew(unsettled, _period_s(messages), actions))
        deliveries = read_batch(messages, max_delivery_count=self._max_delivery_count)
        try:
            await asyncio.gather(
                *(
                    self._end(message, delivery, unsettled, actions)
                    for message, delivery in zip(messages, deliveries, strict=True)
                )
            )
        finally:
            renewing.cancel()

    async def _end(
        self, message: ReceivedMessage, delivery: Delivery, unsettled: set[str], actions: Actions
    ) -> None:
        try:
            await self._score_and_settle(message, delivery, actions)
        except Exception as error:  # noqa: BLE001 - it ends this message alone
            log.warning(
                "request %r is delivered again: %s", delivery.request.id, format_error(error)
            )
            await self._hold_and_abandon(message, delivery, actions)
        finally:
            unsettled.discard(message.lock_token)

    async def _score_and_settle(
        self, message: ReceivedMessage, delivery: Delivery, actions: Actions
    ) -> None:
        outcome = await self._handler.outcome(delivery)
        if outcome.exhausted:
            sent = await self._send_document(message, delivery, outcome.exhausted, outcome.trace)
            await actions.dead_letter(message.lock_token, TRIES_EXHAUSTED, str(outcome.error))
            if sent:
                await self._final_attempts.forget([delivery.request.id])
        elif outcome.error is not None:
            await self._hold_and_abandon(message, delivery, actions)
        else:
            await self._finish(message, delivery, outcome, actions)

    async def _finish(
        self, message: ReceivedMessage, delivery: Delivery, outcome: Outcome, actions: Actions
    ) -> None:
        """Complete a message that was answered, dead-letter one that never can be."""
        if outcome.requeued:
            await self._requeue(
                Outgoing(outcome.requeued, session_id=message.session_id, trace=outcome.trace)
            )
        if outcome.document:
            await self._send_document(message, delivery, outcome.document, outcome.trace)
        error = _final_error(outcome.document)
        if error is None:
            await actions.complete(message.lock_token)
        else:
            await actions.dead_letter(message.lock_token, *error)

    async def _send_document(
        self, message: ReceivedMessage, delivery: Delivery, document: str, trace: Carrier
    ) -> bool:
        """False if it is sent after the last delivery. Raises what `send` raises before that."""
        # A message's own id is that of its request, unless HTTP enqueued it.
        outgoing = result_message(document, message, delivery.request.id)
        try:
            await self._send(outgoing._replace(trace=trace))
        except Exception as error:
            if not delivery.is_last:
                raise
            if not await keep_unsent(self._final_attempts, (document, error)):
                raise
            return False
        return True

    async def _hold_and_abandon(
        self, message: ReceivedMessage, delivery: Delivery, actions: Actions
    ) -> None:
        earlier = max(message.delivery_count, 1) - 1
        await self._sleep(min(HOLD_S * 2 ** min(earlier, 10), MAX_HOLD_S))
        try:
            await actions.abandon(message.lock_token)
        except Exception as error:  # noqa: BLE001 - its lock expires instead
            kind = type(error).__name__
            log.warning("request %r could not be abandoned: %s", delivery.request.id, kind)

    async def _renew(self, unsettled: set[str], period_s: float, actions: Actions) -> None:
        """Renew the locks of all messages in `unsettled`, which shrinks, until cancelled."""
        while self._renews_locks:
            await asyncio.sleep(period_s)
            renewed = await asyncio.gather(
                *(actions.renew(token) for token in unsettled), return_exceptions=True
            )
            lost = sum(isinstance(each, Exception) for each in renewed)
            if lost:
                log.warning("locks that could not be renewed: %d", lost)


def _period_s(messages: Sequence[ReceivedMessage]) -> float:
    """Half of the time that the shortest lock has left."""
    ends = [message.locked_until for message in messages if message.locked_until]
    left_s = min(ends) - time.time() if ends else LOCK_S / 2
    return max(left_s / 2, MIN_RENEWAL_S)


def _final_error(document: str) -> tuple[str, str] | None:
    """Code and message of a failed document."""
    if '"failed"' not in document:
        return None
    read = orjson.loads(document)
    if read["status"] != "failed":
        return None
    return read["error"]["code"], read["error"]["message"][:MAX_REASON]
