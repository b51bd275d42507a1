"""What the scoring of a message, and of a batch, ends in, and the span in which it does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

from inference.errors import ScoringError
from inference.tracing import spans
from inference.tracing.spans import Carrier
from triggers.bus_entity import BusEntity
from triggers.delivery import message_spans
from triggers.envelope import NO_TRACE
from triggers.service_bus_trigger.deliveries import Delivery


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one message ends in. All are empty if nothing is sent."""

    #: For the output queue.
    document: str = ""
    #: For the input queue.
    requeued: str = ""
    #: Why the broker has to deliver the message again.
    error: ScoringError | None = None
    #: The document for the output queue, if no attempt is left after `error`.
    exhausted: str = ""
    #: The span that scored the message, where traces are exported.
    trace: Carrier = NO_TRACE


class Sent(NamedTuple):
    """What a batch sends, each a JSON object."""

    #: To the output queue, in the order of the messages.
    documents: list[str]
    #: To the input queue: requests whose results can't be stored, to be scored again.
    requeued: list[str]


async def traced(
    score: Callable[[Delivery], Awaitable[Outcome]], delivery: Delivery, queue: BusEntity
) -> Outcome:
    """The outcome of `score`, which runs in a span of its own. `queue` had the message."""
    with message_spans.process(queue, delivery.request, delivery.count):
        trace = spans.carrier()
        request = message_spans.with_reference(delivery.request, trace)
        outcome = await score(replace(delivery, request=request))
    return replace(outcome, trace=trace)
