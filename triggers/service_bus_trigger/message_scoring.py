"""What becomes of each message of a batch, and how one that goes wrong spares the others."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import azure.functions as func

from inference import tracebacks
from inference.errors import InternalError, Overloaded, ScoringError
from inference.request import Answer
from inference.results import result_document
from inference.results.result_store import ResultStore
from inference.serving.scorer import Scorer
from triggers.delivery.outbox import Outbox
from triggers.delivery.unstored_results import StoreUnavailable, UnstoredResults
from triggers.retry import Retry
from triggers.service_bus_trigger.deliveries import Delivery, deliveries
from triggers.service_bus_trigger.exhausted_messages import name_of
from triggers.settings import TriggerSettings
from triggers.statuses import comes_again

log = logging.getLogger(__name__)

#: A batch is locked for so long, and its locks are not renewed: whoever is not done by then has it
#: delivered to another as well.
LOCK_S = 60.0
#: What may pass is waited out for so long from when the batch came. A model's call that begins
#: then, and the store, have the rest of the lock.
PATIENCE_S = 35.0
#: A store that is away is waited for so long, before and after the model's work.
STORE_PATIENCE_S = 10.0


class Sent(NamedTuple):
    """What a batch comes to, each a JSON object for a queue."""

    #: For the output queue, in the messages' order.
    documents: list[str]
    #: For the input queue: requests that go round once more, as their results can't be stored.
    again: list[str]


class MessageHandler:
    """Sorts what goes wrong: what can never succeed is answered, what may is left to come again.

    `patience_s` and `store_patience_s`: how long what may pass, and a store that is away, are
    waited out. `send` puts a document with an id on the output queue beside the call. `clock` is
    monotonic, in seconds.
    """

    def __init__(
        self,
        scorer: Scorer,
        results: ResultStore,
        *,
        max_delivery_count: int = TriggerSettings.max_delivery_count,
        patience_s: float = PATIENCE_S,
        store_patience_s: float = STORE_PATIENCE_S,
        send: Callable[[str, str], Awaitable[object]] | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._scorer = scorer
        self._final_attempts = results.final_attempts
        self._outbox = Outbox(
            results,
            scorer.counts,
            trigger="servicebus",
            unstored=UnstoredResults(results, clock=clock, sleep=sleep),
        )
        self._max_delivery_count = max_delivery_count
        self._patience_s, self._store_patience_s = patience_s, store_patience_s
        self._clock, self._send = clock, send
        self._retry = Retry(
            bound_s=patience_s, first_s=0.1, longest_s=4.0, clock=clock, sleep=sleep
        )

    async def score(self, messages: Sequence[func.ServiceBusMessage]) -> Sent:
        """What becomes of a batch.

        An exception brings it back whole: what was finished by then is answered next time with the
        document that it has.
        """
        ends_at = self._clock() + self._patience_s
        read = list(deliveries(messages, max_delivery_count=self._max_delivery_count))
        outcomes = await asyncio.gather(*(self._outcome(each, ends_at) for each in read))
        for outcome in outcomes:
            if outcome.error is not None:
                log.warning("%d messages come again: %s", len(messages), outcome.error)
                await self._send_last(zip(read, outcomes, strict=True))
                raise outcome.error
        return Sent(
            [outcome.document for outcome in outcomes if outcome.document],
            [outcome.again for outcome in outcomes if outcome.again],
        )

    async def _send_last(self, ended: Iterable[tuple[Delivery, _Outcome]]) -> None:
        """Documents of last tries, which don't come again with the others of their batch."""
        for delivery, outcome in ended:
            if delivery.last and outcome.document and self._send is not None:
                try:
                    await self._send(outcome.document, name_of(outcome.document.encode()))
                except Exception as error:  # noqa: BLE001 - it is found under its id
                    kind = type(error).__name__
                    log.error("no document of %r was sent: %s", delivery.request.id, kind)

    async def _outcome(self, delivery: Delivery, ends_at: float) -> _Outcome:
        """What one message comes to, whatever goes wrong with it."""
        try:
            return await self._ended(delivery, ends_at)
        except StoreUnavailable as away:
            return await self._unstorable(delivery, away)
        except ScoringError as error:
            if comes_again(error):
                return await self._come_again(delivery, error)
            return await self._faulty(delivery, error)
        except Exception as error:  # noqa: BLE001 - it ends this message, never its batch
            return await self._faulty(delivery, error)

    async def _ended(self, delivery: Delivery, ends_at: float) -> _Outcome:
        """Raises what may pass, and StoreUnavailable."""
        if delivery.copy:
            return _Outcome()
        if delivery.unread is not None:
            return await self._failed(delivery, delivery.unread)
        known = await self._known(delivery)
        if known is not None:
            return known
        request = delivery.request

        async def scored() -> Answer:
            return (await self._scorer.score(request)).raise_for_status()

        try:
            answer = await self._retry.run(
                scored, passes=lambda error: self._passes(error, ends_at)
            )
        except ScoringError as error:
            if comes_again(error):
                raise
            return await self._failed(delivery, error)
        return _Outcome(
            await self._outbox.succeeded(
                request, answer, self._scorer.model, wait_s=self._wait_s(delivery)
            )
        )

    async def _known(self, delivery: Delivery) -> _Outcome | None:
        """What a message comes to without any work; None where there is work to do."""
        if not (delivery.again or delivery.last or delivery.sealed):
            return None  # another's result is seen when this one's is stored
        request, model = delivery.request, self._scorer.model
        wait_s = self._wait_s(delivery)
        try:
            state, document = await self._outbox.find(request, wait_s=wait_s or 0)
            if delivery.last and state in ("new", "pending"):
                state = await self._outbox.last_try(request, model, due_s=LOCK_S, wait_s=wait_s)
                await self._final_attempts.add(request.id)
        except (ConnectionError, Overloaded, StoreUnavailable) as error:
            if delivery.sealed:
                raise StoreUnavailable(str(error)) from error
            return None  # its sender has the queue to look at
        if state == "other":
            if delivery.sealed:  # HTTP did not accept what somebody sealed here
                request = replace(request, source="servicebus")
            return _Outcome(await self._outbox.id_in_use(request, model))
        if state == "finished":
            # HTTP may have enqueued a request twice; only a redelivery may have lost its document.
            return _Outcome(document if delivery.again else "")
        return None

    async def _failed(self, delivery: Delivery, error: ScoringError) -> _Outcome:
        return _Outcome(
            await self._outbox.failed(
                delivery.request, error, self._scorer.model, wait_s=self._wait_s(delivery)
            )
        )

    async def _come_again(self, delivery: Delivery, error: ScoringError) -> _Outcome:
        """Leave a message to the broker, which gives it up after the last try."""
        self._outbox.returned()
        if delivery.last:
            told = f"no try is left, and the last one ended with: {error}; send it again"
            await self._outbox.exhausted(delivery.request, told, self._scorer.model)
        return _Outcome(error=error)

    async def _unstorable(self, delivery: Delivery, away: StoreUnavailable) -> _Outcome:
        """Send a request of HTTP round once more: that needs no try, and no neighbour's either."""
        if not delivery.sealed:
            return await self._come_again(delivery, Overloaded(str(away)))
        log.warning("request %r goes round until its result can be stored", delivery.request.id)
        self._outbox.returned()
        return _Outcome(again=delivery.sealed)

    async def _faulty(self, delivery: Delivery, error: Exception) -> _Outcome:
        """A document for what went wrong where nothing should."""
        log.error("message %r: %s", delivery.request.id, tracebacks.format_error(error))
        internal = InternalError(type(error).__name__)
        # Its time may be what can't be written.
        request = replace(delivery.request, received_at=time.time())
        try:
            return await self._failed(replace(delivery, request=request), internal)
        except StoreUnavailable as away:
            return await self._unstorable(delivery, away)
        except Exception as again:  # noqa: BLE001 - say at least that much
            log.error("message %r is not stored: %s", request.id, type(again).__name__)
            return _Outcome(result_document.failed(request, internal, self._scorer.model).decode())

    def _passes(self, error: Exception, ends_at: float) -> bool:
        """Whether to try again within this delivery."""
        return isinstance(error, ScoringError) and comes_again(error) and self._clock() < ends_at

    def _wait_s(self, delivery: Delivery) -> float | None:
        """How long the store is waited for; None: its sender looks at the queue, too."""
        return self._store_patience_s if delivery.sealed else None


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What one message comes to: a document, empty where none is owed, or another round."""

    document: str = ""
    #: For the input queue.
    again: str = ""
    #: Why the broker must deliver it again.
    error: ScoringError | None = None
