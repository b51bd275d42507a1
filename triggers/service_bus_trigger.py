"""The Service Bus door: messages in, in batches; one result document each out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import List  # noqa: UP035 - the platform refuses `list[…]` here

import azure.functions as func

from inference import media_types
from inference.errors import ScoringError
from inference.request import Request
from inference.results import Results
from inference.scorer import Scorer
from triggers import envelope
from triggers.outbox import Outbox
from triggers.settings import SERVICE_BUS, DoorSettings
from triggers.statuses import comes_again

log = logging.getLogger(__name__)

#: A batch that was given back is delivered again at once, ten times in all: the pause keeps the
#: tries apart, and stays well below the time for which a message is locked.
PAUSE_S = 20.0


def blueprint(scorer: Scorer, results: Results, settings: DoorSettings) -> func.Blueprint:
    """Messages of the input queue to result documents on the output queue."""
    functions = func.Blueprint()
    door = ServiceBusDoor(scorer, results)

    @functions.service_bus_queue_trigger(
        "messages",
        SERVICE_BUS,
        settings.input_queue,
        data_type=func.DataType.BINARY,
        cardinality=func.Cardinality.MANY,
    )
    @functions.service_bus_queue_output("documents", SERVICE_BUS, settings.output_queue)
    async def score_messages(
        messages: List[func.ServiceBusMessage],  # noqa: UP006 - as above
        documents: func.Out[str],
    ) -> None:
        finished = await door.score(messages)
        if finished:
            # A JSON array is one message an element.
            documents.set(f"[{','.join(finished)}]")

    return functions


class ServiceBusDoor:
    """Sorts what goes wrong: what can never succeed is answered, what may is left to come again."""

    def __init__(self, scorer: Scorer, results: Results, *, pause_s: float = PAUSE_S) -> None:
        self._scorer = scorer
        self._outbox = Outbox(results, scorer.counts, door="servicebus")
        self._pause_s = pause_s

    async def score(self, messages: Sequence[func.ServiceBusMessage]) -> list[str]:
        """The result documents, in the messages' order.

        One exception brings the whole batch back: what was finished by then is answered next time
        with the document that it has.
        """
        outcomes = await asyncio.gather(*map(self._outcome, _deliveries(messages)))
        for outcome in outcomes:
            if isinstance(outcome, ScoringError):
                log.warning("%d messages come again: %s", len(messages), outcome)
                await asyncio.sleep(self._pause_s)
                raise outcome
        return [outcome for outcome in outcomes if isinstance(outcome, str) and outcome]

    async def _outcome(self, delivery: _Delivery) -> str | ScoringError:
        """The document, empty where none is owed; or why the message must come again."""
        request = delivery.request
        if delivery.copy:
            return ""
        if (delivery.again or request.source == "http") and (
            document := await self._outbox.finished_before(request)
        ):
            # HTTP may have enqueued a request twice; only a redelivery may have lost its document.
            return document if delivery.again else ""
        try:
            answer = (await self._scorer.score(request)).succeeded()
        except ScoringError as error:
            if comes_again(error):
                self._outbox.returned()
                return error
            return await self._outbox.failed(request, error, self._scorer.model)
        return await self._outbox.succeeded(request, answer, self._scorer.model)


@dataclass(frozen=True, slots=True)
class _Delivery:
    """A message as a request."""

    request: Request
    #: Whether it was delivered before.
    again: bool
    #: Whether the same batch holds the same request already.
    copy: bool


def _deliveries(messages: Sequence[func.ServiceBusMessage]) -> Iterator[_Delivery]:
    told = [message.content_type or "" for message in messages]
    # The platform leaves absent content types out of its list, so that with one of them missing
    # the others may stand beside messages that are not theirs.
    apart = all(told)
    only = max(told) if len({kind for kind in told if kind}) == 1 else ""
    sealed: set[str] = set()
    for message in messages:
        request = _request(message, (message.content_type or "") if apart else "", only)
        # Of two messages that HTTP sealed with one id, one is owed a document.
        copy = request.source == "http" and request.id in sealed
        if request.source == "http":
            sealed.add(request.id)
        yield _Delivery(request, again=(message.delivery_count or 0) > 1, copy=copy)


def _request(message: func.ServiceBusMessage, own: str, only: str) -> Request:
    """A message as a request.

    `own` is its content type where that is certain; `only` the one type in its batch, which a body
    that is no JSON and no .npy must have meant.
    """
    body = message.get_body()
    if sealed := envelope.open_sealed(body):
        return sealed
    properties = {
        str(name).lower(): str(value)
        for name, value in (message.application_properties or {}).items()
    }
    content_type = properties.get("content_type") or own
    if not content_type and not media_types.speaks_for_itself(body):
        content_type = only
    name = message.message_id or f"sequence-{message.sequence_number}"
    properties["x-message-id"] = name
    return Request(
        id=name,
        source="servicebus",
        body=body,
        content_type=content_type,
        headers=properties,
        patient=True,
    )
