"""The HTTP trigger: `score`, at once or over the queue, and `results/{id}`."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from urllib.parse import quote, urljoin, urlsplit

import azure.functions as func
import orjson

from inference import failure_log
from inference.errors import Cancelled, Overloaded
from inference.models import ModelId
from inference.request import Request
from inference.results import result_document
from inference.results.result_store import ResultStore
from inference.results.stored_result import StoredResult
from inference.serving.scorer import Scorer
from inference.serving.shutdown import close_with_loop
from inference.tracing import spans
from triggers import envelope, http_exchange, responses
from triggers.bus_entity import BusEntity
from triggers.delivery import message_spans
from triggers.delivery.batch_sender import BatchSender
from triggers.delivery.output_queue import Outgoing
from triggers.delivery.result_blobs import ResultBlobs
from triggers.http_trigger import http_spans
from triggers.settings import TriggerSettings
from triggers.statuses import ID_IN_USE, ID_TOO_LONG, MAX_ID, RESULT_FINISHED, UNKNOWN_RESULT

log = logging.getLogger(__name__)

#: The header that names the session of an enqueued request; without it, the request's id does.
SESSION_ID = "x-session-id"


def blueprint(
    scorer: Scorer, results: ResultStore, settings: TriggerSettings, env: Mapping[str, str]
) -> func.Blueprint:
    """`POST score`, `GET score` for scripts that take query arguments, and `GET results/{id}`.

    Requests can be enqueued only if the Service Bus trigger is registered too. `env` holds the
    settings of the storage account, for results that are in blobs, and those of the connection, for
    requests that need a session.
    """
    functions = func.Blueprint()
    result_blobs = ResultBlobs.connected(env, settings.output_container)
    is_queued = "servicebus" in settings.triggers
    sender = None
    if is_queued and settings.sessions_enabled:
        sender = BatchSender.to(env, settings.input)
        close_with_loop(sender.close)
    handler = HttpHandler(
        scorer, results, result_blobs, queue=settings.input, send=sender.send if sender else None
    )
    answer = http_spans.traced("score", handler.score)

    if is_queued and not sender:

        @functions.route("score", methods=["GET", "POST"])
        @settings.input.output(functions, "queue")
        async def score(req: func.HttpRequest, queue: func.Out[str]) -> func.HttpResponse:
            return await answer(req, queue)

    else:

        @functions.route("score", methods=["GET", "POST"])
        async def score(req: func.HttpRequest) -> func.HttpResponse:
            return await answer(req, None)

    @functions.route("results/{*id}", methods=["GET", "DELETE"])
    @http_exchange.observed(scorer.finished, "results")
    async def results_by_id(req: func.HttpRequest) -> func.HttpResponse:
        return await (handler.cancel if req.method == "DELETE" else handler.result)(req)

    return functions


class HttpHandler:
    """Parses, calls the scorer once, renders.

    `send` puts a message of a session on the input queue: an output binding sets no session id.
    """

    def __init__(
        self,
        scorer: Scorer,
        results: ResultStore,
        result_blobs: ResultBlobs | None = None,
        *,
        queue: BusEntity | None = None,
        send: Callable[[Outgoing], Awaitable[object]] | None = None,
    ) -> None:
        self._scorer, self._results, self._result_blobs = scorer, results, result_blobs
        self._queue, self._send = queue, send

    async def score(self, req: func.HttpRequest, queue: func.Out[str] | None) -> func.HttpResponse:
        """Answer a request, or enqueue it if its caller asks for that and there is a queue."""
        began = time.perf_counter()
        response = await http_exchange.respond_to_request(
            req,
            lambda request: self._respond(req, request, queue),
            within_s=self._scorer.settings.scoring_timeout_s,
        )
        http_exchange.report(self._scorer.finished, "score", response, began)
        return response

    async def result(self, req: func.HttpRequest) -> func.HttpResponse:
        """The result document of an asynchronous request, a blob or a message."""
        return await http_exchange.respond(req, lambda *_: self._result(req))

    async def cancel(self, req: func.HttpRequest) -> func.HttpResponse:
        """End a blob that is being scored, or drop a request that waits."""
        return await http_exchange.respond(req, lambda *_: self._cancel(req))

    async def _result(self, req: func.HttpRequest) -> func.HttpResponse:
        request_id = _result_id(req)
        try:
            result = await self._results.get(request_id)
            if result is not None and not result.pending:
                document = await self._filled(result.document)
                if document is None:
                    return responses.refusal(UNKNOWN_RESULT, request_id=request_id)
                return responses.body(200, document)
            running = await self._results.running.find(request_id)
        except Exception as error:  # noqa: BLE001 - the error names the id of the result
            return responses.scoring_error(failure_log.log_failure(error, request_id), request_id)
        if result is None and running is None:
            return responses.refusal(UNKNOWN_RESULT, request_id=request_id)
        progress = running or {"id": request_id, "status": "pending"}
        return responses.json(202, progress, responses.RETRY_AFTER)

    async def _filled(self, document: bytes) -> bytes | None:
        """A document with its result, also if that is in a blob. None if the blob is gone."""
        if self._result_blobs is None:
            return document
        return await self._result_blobs.fill(document, self._scorer.bodies)

    async def _cancel(self, req: func.HttpRequest) -> func.HttpResponse:
        request_id = _result_id(req)
        try:
            came = await self._results.cancel(
                request_id, partial(_cancelled_document, request_id, self._scorer.model)
            )
        except Exception as error:  # noqa: BLE001 - as above
            return responses.scoring_error(failure_log.log_failure(error, request_id), request_id)
        if came == "cancelled":
            return responses.body(204, b"")
        refused = UNKNOWN_RESULT if came == "unknown" else RESULT_FINISHED
        return responses.refusal(refused, request_id=request_id)

    async def _respond(
        self, req: func.HttpRequest, request: Request, queue: func.Out[str] | None
    ) -> func.HttpResponse:
        is_queued = queue is not None or self._send is not None
        if is_queued and "respond-async" in request.headers.get("prefer", "").lower():
            accepted = await self._enqueue(req, request, queue)
            if accepted is not None:
                return accepted
        answer = await self._scorer.score(request)
        return responses.answer(answer, self._scorer.model.version)

    async def _enqueue(
        self, req: func.HttpRequest, request: Request, queue: func.Out[str] | None
    ) -> func.HttpResponse | None:
        """202; None if the result could not be fetched later: then it is answered at once."""
        session_id = request.headers.get(SESSION_ID) or request.id
        if len(session_id) > MAX_ID:
            expected = f"{SESSION_ID}: expected at most {MAX_ID} characters, got {len(session_id)}"
            return responses.refusal(ID_TOO_LONG, f"{expected}; send a shorter id", request.id)
        await self._scorer.validate(request)
        with message_spans.create(self._queue, request.id):
            return await self._reserve_and_send(req, request, queue, session_id)

    async def _reserve_and_send(
        self,
        req: func.HttpRequest,
        request: Request,
        queue: func.Out[str] | None,
        session_id: str,
    ) -> func.HttpResponse | None:
        trace = spans.carrier()
        message = envelope.pack(request, trace)
        reservation = await self._results.reserve(request)
        if reservation == "unreachable":
            return None
        if reservation == "other":
            return responses.refusal(
                ID_IN_USE, "x-request-id names another request; send a new id", request.id
            )
        # A pending request is sent again: sending it may have failed after the reservation.
        if reservation != "finished":
            if self._send is not None:
                outgoing = Outgoing(message, session_id=session_id, trace=trace)
                await _send_in_session(self._send, outgoing, request.id)
            elif queue is not None:
                queue.set(message)
        location = urlsplit(urljoin(req.url, f"results/{quote(request.id, safe='')}")).path
        return responses.json(
            202,
            {"id": request.id, "status": "pending"},
            {**responses.RETRY_AFTER, "location": location, **message_spans.header(trace)},
        )


async def _send_in_session(
    send: Callable[[Outgoing], Awaitable[object]], message: Outgoing, request_id: str
) -> None:
    """Raises Overloaded. The request stays reserved, and its sender may repeat it."""
    try:
        await send(message)
    except Exception as error:  # the SDK raises anything
        log.warning("request %r could not be enqueued: %s", request_id, type(error).__name__)
        raise Overloaded("the queue does not accept the request; try again later") from error


def _result_id(req: func.HttpRequest) -> str:
    named: str = req.route_params.get("id", "")
    # The platform decodes all of a path except slashes, which the id may have.
    return named.replace("%2F", "/").replace("%2f", "/")


def _cancelled_document(request_id: str, model: ModelId, known: StoredResult) -> bytes:
    """The document of a request that was dropped before it was scored."""
    request = Request(id=request_id, source="http", body=b"")
    document = result_document.failed(request, Cancelled(), model)
    if known.provisional:  # it says from where and when the request came
        came = orjson.loads(known.provisional)
        kept = {name: came[name] for name in ("source", "received_at")}
        document = orjson.dumps(orjson.loads(document) | kept)
    return document
