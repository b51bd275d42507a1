"""Puts requests with `Prefer: respond-async` on the input queue.

The app sends them itself. An output binding sends after the function has returned: if it fails, the
caller gets a 500 of the platform instead of an error that says what to do. It sets no session id
either.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from inference.errors import Overloaded
from inference.request import Request
from inference.results.result_store import Reservation, ResultStore
from inference.tracing import spans
from triggers import envelope
from triggers.bus_entity import BusEntity
from triggers.delivery import message_spans
from triggers.delivery.output_queue import Outgoing

log = logging.getLogger(__name__)

#: The header that names the session of an enqueued request; without it, the request's id does.
SESSION_ID = "x-session-id"


class RequestQueue:
    """`send` returns once the input queue has a message. It raises what the SDK raises."""

    def __init__(
        self,
        results: ResultStore,
        entity: BusEntity,
        send: Callable[[Outgoing], Awaitable[object]],
    ) -> None:
        self._results, self._entity, self._send = results, entity, send

    def __repr__(self) -> str:
        return f"<RequestQueue {self._entity}>"

    async def put(self, request: Request) -> tuple[Reservation, spans.Carrier]:
        """Reserve the request's id and send the request, unless its result is there.

        Returns the state of the id, and the span that sent it. Nothing is sent if the result store
        is unreachable or the id names another request. Raises InputTooLarge, MalformedInput, and
        Overloaded if the queue does not accept it before the request's deadline. It stays reserved
        then, and its caller may send it again.
        """
        with message_spans.create(self._entity, request.id):
            trace = spans.carrier()
            message = Outgoing(
                envelope.pack(request, trace), session_id=session_id(request), trace=trace
            )
            reservation = await self._results.reserve(request)
            # A pending request is sent again: sending may have failed after the reservation.
            if reservation in ("new", "pending"):
                await self._send_in_time(request, message)
            return reservation, trace

    async def _send_in_time(self, request: Request, message: Outgoing) -> None:
        try:
            async with asyncio.timeout(_seconds_left(request)):
                await self._send(message)
        except Exception as error:  # the SDK raises anything
            log.warning(
                "the %s did not accept request %r: %s; `triscore doctor` checks it",
                *(self._entity, request.id, type(error).__name__),
            )
            raise Overloaded("the queue does not accept the request; try again later") from error


def _seconds_left(request: Request) -> float | None:
    deadline = request.deadline
    return None if deadline is None else max(0.0, deadline - time.monotonic())


def session_id(request: Request) -> str:
    """A queue without sessions ignores it."""
    return request.headers.get(SESSION_ID) or request.id
