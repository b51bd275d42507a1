"""Scores a batch of messages. A message that fails does not fail the others of its batch."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from inference.errors import InternalError, Overloaded, ScoringError
from inference.request import Answer
from inference.results import result_document
from inference.results.result_store import ResultStore
from inference.serving.scorer import Scorer
from inference.tracebacks import format_error
from inference.tracing import spans
from triggers.bus_entity import BusEntity
from triggers.delivery.outbox import Outbox
from triggers.delivery.result_blobs import ResultBlobs
from triggers.delivery.unstored_results import StoreUnavailable, UnstoredResults
from triggers.retry import Retry
from triggers.service_bus_trigger import message_outcomes
from triggers.service_bus_trigger.claim_reader import ClaimReader
from triggers.service_bus_trigger.deliveries import Delivery, read_batch
from triggers.service_bus_trigger.isolation import (
    FROM_DELIVERY,
    MAX_CRASHES,
    Isolation,
    RepeatedCrash,
)
from triggers.service_bus_trigger.last_deliveries import LastDeliveries
from triggers.service_bus_trigger.message_outcomes import Outcome, Sent
from triggers.service_bus_trigger.received_message import ReceivedMessage
from triggers.settings import TriggerSettings
from triggers.statuses import is_retryable

log = logging.getLogger(__name__)

#: How long the broker locks a batch. The locks are not renewed: a message that is not settled by
#: then is delivered to another process as well.
LOCK_S = 60.0
#: How long retryable errors are retried, from when the batch came. The rest of the lock is for a
#: model call that begins at the end of this time, and for the result store.
RETRY_S = 35.0
#: How long an unavailable result store is retried, before and after the model's work.
STORE_RETRY_S = 10.0


class MessageHandler:
    """Answers errors that are final, and lets the broker deliver messages with other errors again.

    With `keeps_order`, for sessions, a message that can be delivered again in its place is not sent
    to the end of its queue. `send` puts a document, with an id for its message, on the output queue
    outside of the call.
    `max_wait_s`: how long a message may wait for memory and its turn, from when it came; None where
    its lock is renewed.
    `clock` is monotonic, in seconds.
    """

    def __init__(
        self,
        scorer: Scorer,
        results: ResultStore,
        *,
        max_delivery_count: int = TriggerSettings.max_delivery_count,
        retry_s: float = RETRY_S,
        store_retry_s: float = STORE_RETRY_S,
        max_wait_s: float | None = RETRY_S,
        keeps_order: bool = False,
        send: Callable[[str, str], Awaitable[object]] | None = None,
        result_blobs: ResultBlobs | None = None,
        claims: ClaimReader | None = None,
        queue: BusEntity | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._scorer = scorer
        self._final_attempts = results.final_attempts
        self._isolation = Isolation(results.crashes)
        self._outbox = Outbox(
            results,
            scorer.finished,
            trigger="servicebus",
            unstored=UnstoredResults(results, scorer.counts, clock=clock, sleep=sleep),
            result_blobs=result_blobs,
        )
        self._max_delivery_count = max_delivery_count
        self._keeps_order = keeps_order
        self._retry_s, self._store_retry_s = retry_s, store_retry_s
        self._max_wait_s = max_wait_s
        self._clock, self._claims, self._queue = clock, claims, queue
        self._last = LastDeliveries(results.final_attempts, send) if send else None
        self._retry = Retry(
            max_s=retry_s, first_pause_s=0.1, max_pause_s=4.0, clock=clock, sleep=sleep
        )

    async def score(self, messages: Sequence[ReceivedMessage]) -> Sent:
        """Score a batch.

        An exception makes the broker deliver the whole batch again. A message that was finished
        before is then answered with the document that it has.
        """
        deliveries = list(read_batch(messages, max_delivery_count=self._max_delivery_count))
        outcomes = await asyncio.gather(*(self.outcome(each) for each in deliveries))
        errors = [outcome.error for outcome in outcomes if outcome.error is not None]
        documents = await self._send_last(deliveries, outcomes, returned=bool(errors))
        if errors:
            raise errors[0]
        return Sent(documents, [outcome.requeued for outcome in outcomes if outcome.requeued])

    async def _send_last(
        self, deliveries: Sequence[Delivery], outcomes: Sequence[Outcome], *, returned: bool
    ) -> list[str]:
        """The documents that are left to the binding.

        Those of a call with a last delivery are sent here: a binding that fails for one fails for
        all. If the call is `returned`, only those of last deliveries are.
        """
        every = zip(deliveries, outcomes, strict=True)
        pairs = [(each, outcome.document) for each, outcome in every if outcome.document]
        if self._last is None or not any(each.is_last for each, _ in pairs):
            return [document for _, document in pairs]
        now = [document for each, document in pairs if each.is_last or not returned]
        return await self._last.send(now)

    async def outcome(self, delivery: Delivery) -> Outcome:
        """What one message ends in, whatever fails."""
        if self._queue is None or spans.recorder is None:
            return await self._outcome(delivery)
        return await message_outcomes.traced(self._outcome, delivery, self._queue)

    async def _outcome(self, delivery: Delivery) -> Outcome:
        try:
            return await self._score(delivery, self._clock())
        except StoreUnavailable as error:
            return await self._requeue(delivery, error)
        except RepeatedCrash:
            return await self._give_up(delivery)
        except ScoringError as error:
            if is_retryable(error):
                return await self._return(delivery, error)
            return await self._fail(delivery, error)
        except Exception as error:  # noqa: BLE001 - it ends this message, never its batch
            return await self._fail(delivery, error)

    async def _score(self, delivery: Delivery, came_at: float) -> Outcome:
        """Raises retryable errors and StoreUnavailable."""
        if delivery.is_duplicate:
            self._outbox.notify_unscored(delivery.request, "repeated")
            return Outcome()
        if delivery.error is not None:
            return await self._store_error(delivery, delivery.error)
        known = await self._find_outcome(delivery)
        if known is not None:
            return known
        self._scorer.counts.requests.record_age("servicebus", delivery.enqueued_at)

        async def answer() -> Answer:
            if not delivery.is_suspect:
                return (await self._answer(delivery, came_at)).raise_for_status()
            await self._scorer.script()  # nobody's turn is spent on waiting for the model
            wait_s = self._turn_s(came_at)
            async with self._isolation.turn(delivery.request.id, wait_s=wait_s):
                return (await self._answer(delivery, came_at)).raise_for_status()

        def retryable(error: Exception) -> bool:
            passing = isinstance(error, ScoringError) and is_retryable(error)
            return passing and self._clock() < came_at + self._retry_s

        try:
            answered = await self._retry.run(answer, retryable=retryable)
        except ScoringError as error:
            if is_retryable(error):
                raise
            return await self._store_error(delivery, error)
        return Outcome(
            await self._outbox.store_answer(
                delivery.request, answered, self._scorer.model, wait_s=self._wait_s(delivery)
            )
        )

    async def _answer(self, delivery: Delivery, came_at: float) -> Answer:
        if not delivery.claim:
            return await self._scorer.score(delivery.request)
        if self._claims is None:
            raise InternalError("no container of claims")
        wait_s = self._turn_s(came_at)
        async with self._claims.opened(delivery.request, delivery.claim, wait_s=wait_s) as request:
            return await self._scorer.score(request)

    def _turn_s(self, came_at: float) -> float | None:
        """How long a message that came then may still wait for memory or its turn."""
        return None if self._max_wait_s is None else came_at + self._max_wait_s - self._clock()

    async def _find_outcome(self, delivery: Delivery) -> Outcome | None:
        """The outcome of a message that needs no scoring; None if it has to be scored."""
        if not (delivery.redelivered or delivery.is_last or delivery.packed):
            return None  # an id that is in use shows when the result is stored
        try:
            state, document = await self._find(delivery)
        except (ConnectionError, Overloaded, StoreUnavailable) as error:
            if delivery.packed:
                raise StoreUnavailable(str(error)) from error
            return None  # its sender can look at the queue
        if state == "other":
            request = delivery.request
            if delivery.packed:  # HTTP accepted this id for another caller's request
                request = replace(request, source="servicebus")
            return Outcome(await self._outbox.store_id_in_use(request, self._scorer.model))
        if state == "finished":
            self._outbox.notify_unscored(delivery.request, "repeated")
            # An earlier delivery may not have sent it. A broker that restarts does not count one.
            return Outcome(document)
        return None

    async def _find(self, delivery: Delivery) -> tuple[str, str]:
        """The request's state and document. Before a last attempt a provisional one is stored."""
        request, wait_s = delivery.request, self._wait_s(delivery)
        state, document = await self._outbox.find(request, wait_s=wait_s or 0)
        if delivery.is_last and state in ("new", "pending"):
            state = await self._outbox.store_provisional(
                request, self._scorer.model, due_s=LOCK_S, wait_s=wait_s
            )
            await self._final_attempts.add(request.id)
        return state, document

    async def _store_error(self, delivery: Delivery, error: ScoringError) -> Outcome:
        return Outcome(
            await self._outbox.store_error(
                delivery.request, error, self._scorer.model, wait_s=self._wait_s(delivery)
            )
        )

    async def _return(self, delivery: Delivery, error: ScoringError) -> Outcome:
        """Let the broker deliver a message again, or dead-letter it after the last attempt."""
        request = delivery.request
        if delivery.is_last:
            log.warning("request %r failed, and no attempt is left: %s", request.id, error)
            message = f"no attempt is left, and the last one failed: {error}; send it again"
            exhausted = await self._outbox.store_exhausted(request, message, self._scorer.model)
            return Outcome(error=error, exhausted=exhausted)
        self._outbox.report_returned(request, error.code)
        log.warning("request %r failed and is delivered again: %s", request.id, error)
        return Outcome(error=error)

    async def _give_up(self, delivery: Delivery) -> Outcome:
        """End a message that ends the process. A later delivery may replace its document."""
        request = delivery.request
        log.error("request %r is given up: the process ends when it is scored", request.id)
        message = (
            f"the process ended {FROM_DELIVERY - 1 + MAX_CRASHES} times while this message was"
            " scored; correct the model or the rows, then send it again"
        )
        document = await self._outbox.store_exhausted(request, message, self._scorer.model)
        with contextlib.suppress(ConnectionError, Overloaded):
            await self._final_attempts.forget([request.id])
        return Outcome(document)

    async def _requeue(self, delivery: Delivery, error: StoreUnavailable) -> Outcome:
        """Send a request of HTTP to the input queue again: that uses up no attempt."""
        if not delivery.packed or (self._keeps_order and not delivery.is_last):
            return await self._return(delivery, Overloaded(str(error)))
        log.warning("request %r is requeued until its result can be stored", delivery.request.id)
        self._outbox.report_returned(delivery.request, "store_unavailable")
        return Outcome(requeued=delivery.packed)

    async def _fail(self, delivery: Delivery, error: Exception) -> Outcome:
        """A document for an error of the app's own."""
        log.error("request %r: %s", delivery.request.id, format_error(error))
        internal = InternalError(type(error).__name__)
        # Its own time may be the value that can't be written.
        request = replace(delivery.request, received_at=time.time())
        try:
            return await self._store_error(replace(delivery, request=request), internal)
        except StoreUnavailable as away:
            return await self._requeue(delivery, away)
        except Exception as second:  # noqa: BLE001 - the queue gets the document in any case
            log.error("the result of %r was not stored: %s", request.id, type(second).__name__)
            self._outbox.report_failed(request, internal.code)
            return Outcome(result_document.failed(request, internal, self._scorer.model).decode())

    def _wait_s(self, delivery: Delivery) -> float | None:
        """How long to wait for the result store; None if the sender can look at the queue too."""
        return self._store_retry_s if delivery.packed else None
