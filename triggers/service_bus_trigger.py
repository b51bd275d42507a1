"""The Service Bus door: messages in, in batches; one result document each out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import List  # noqa: UP035 - the platform refuses `list[…]` here

import azure.functions as func

from inference.errors import ScoringError
from inference.request import Request
from inference.results import Results
from inference.scorer import Scorer
from triggers import envelope
from triggers.outbox import Outbox
from triggers.settings import SERVICE_BUS, DoorSettings
from triggers.statuses import is_passing

log = logging.getLogger(__name__)

#: A batch that failed for a passing reason comes back at once: the pause keeps its tries apart.
PAUSE_S = 1.0


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
        self._outbox = Outbox(results)
        self._pause_s = pause_s

    async def score(self, messages: Sequence[func.ServiceBusMessage]) -> list[str]:
        """The result documents, in the messages' order.

        One exception brings the whole batch back, so it is raised only where nothing in the batch
        could be done.
        """
        outcomes = await asyncio.gather(*map(self._outcome, _deliveries(messages)))
        passing = [outcome.error for outcome in outcomes if outcome.error is not None]
        if passing and len(passing) == len(messages):
            log.warning("%d messages come again: %s", len(messages), passing[0])
            await asyncio.sleep(self._pause_s)
            raise passing[0]
        return [
            await self._outbox.failed(outcome.request, outcome.error, self._scorer.model)
            if outcome.error
            else outcome.document
            for outcome in outcomes
            if outcome.error or outcome.document
        ]

    async def _outcome(self, delivery: _Delivery) -> _Outcome:
        request = delivery.request
        if delivery.copy:
            return _Outcome(request)
        if (delivery.again or request.source == "http") and (
            document := await self._outbox.finished_before(request)
        ):
            # HTTP may have enqueued a request twice; only a redelivery may have lost its document.
            return _Outcome(request, document if delivery.again else "")
        try:
            answer = (await self._scorer.score(request)).succeeded()
        except ScoringError as error:
            if is_passing(error):
                return _Outcome(request, error=error)
            document = await self._outbox.failed(request, error, self._scorer.model)
        else:
            document = await self._outbox.succeeded(request, answer, self._scorer.model)
        return _Outcome(request, document)


@dataclass(frozen=True, slots=True)
class _Delivery:
    """A message as a request."""

    request: Request
    #: Whether it was delivered before.
    again: bool
    #: Whether the same batch holds the same request already.
    copy: bool


@dataclass(frozen=True, slots=True)
class _Outcome:
    """The document, empty where none is owed; or an error that may pass."""

    request: Request
    document: str = ""
    error: ScoringError | None = None


def _deliveries(messages: Sequence[func.ServiceBusMessage]) -> Iterator[_Delivery]:
    typed = all(message.content_type for message in messages)
    sealed: set[str] = set()
    for message in messages:
        request = _request(message, typed=typed)
        # Of two messages that HTTP sealed with one id, one is owed a document.
        copy = request.source == "http" and request.id in sealed
        sealed.add(request.id)
        yield _Delivery(request, again=(message.delivery_count or 0) > 1, copy=copy)


def _request(message: func.ServiceBusMessage, *, typed: bool) -> Request:
    """A message as a request.

    `typed`: every message of the batch has a content type of its own. The platform leaves absent
    ones out of its list, so that otherwise they may belong to one another's neighbours.
    """
    body = message.get_body()
    if sealed := envelope.open_sealed(body):
        return sealed
    properties = {
        str(name).lower(): str(value)
        for name, value in (message.application_properties or {}).items()
    }
    content_type = properties.get("content_type") or (message.content_type if typed else "") or ""
    name = message.message_id or f"sequence-{message.sequence_number}"
    properties["x-message-id"] = name
    return Request(
        id=name,
        source="servicebus",
        body=body,
        content_type=content_type,
        headers=properties,
    )
