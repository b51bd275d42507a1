"""The HTTP trigger: `score`, at once or over the queue, and `results/{id}`."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import partial
from urllib.parse import quote, urljoin, urlsplit

import azure.functions as func
import orjson

from inference import failure_log
from inference.errors import Cancelled
from inference.models import ModelId
from inference.request import Request
from inference.results import result_document
from inference.results.result_store import ResultStore
from inference.results.stored_result import StoredResult
from inference.serving.scorer import Scorer
from inference.serving.shutdown import close_with_loop
from triggers import http_exchange, responses
from triggers.delivery import message_spans
from triggers.delivery.batch_sender import BatchSender
from triggers.delivery.result_blobs import ResultBlobs
from triggers.http_trigger import http_spans, request_queue
from triggers.http_trigger.request_queue import SESSION_ID, RequestQueue
from triggers.settings import TriggerSettings
from triggers.statuses import ID_IN_USE, ID_TOO_LONG, MAX_ID, RESULT_FINISHED, UNKNOWN_RESULT


def blueprint(
    scorer: Scorer, results: ResultStore, settings: TriggerSettings, env: Mapping[str, str]
) -> func.Blueprint:
    """`POST score`, `GET score` for scripts that take query arguments, and `GET results/{id}`.

    Requests can be enqueued only if the Service Bus trigger is registered too. `env` holds the
    settings of the storage account, for results that are in blobs, and those of the connection.
    """
    functions = func.Blueprint()
    result_blobs = ResultBlobs.connected(env, settings.output_container)
    queue = None
    if "servicebus" in settings.triggers:
        sender = BatchSender.to(env, settings.input)
        close_with_loop(sender.close)
        queue = RequestQueue(results, settings.input, sender.send)
    handler = HttpHandler(scorer, results, result_blobs, queue)
    answer = http_spans.traced("score", handler.score)

    @functions.route("score", methods=["GET", "POST"])
    async def score(req: func.HttpRequest) -> func.HttpResponse:
        return await answer(req)

    @functions.route("results/{*id}", methods=["GET", "DELETE"])
    @http_exchange.observed(scorer.finished, "results")
    async def results_by_id(req: func.HttpRequest) -> func.HttpResponse:
        return await (handler.cancel if req.method == "DELETE" else handler.result)(req)

    return functions


class HttpHandler:
    """Parses, calls the scorer once, renders."""

    def __init__(
        self,
        scorer: Scorer,
        results: ResultStore,
        result_blobs: ResultBlobs | None = None,
        queue: RequestQueue | None = None,
    ) -> None:
        self._scorer, self._results, self._result_blobs = scorer, results, result_blobs
        self._queue = queue

    async def score(self, req: func.HttpRequest) -> func.HttpResponse:
        """Answer a request, or enqueue it if its caller asks for that and there is a queue."""
        began = time.perf_counter()
        response = await http_exchange.respond_to_request(
            req,
            lambda request: self._respond(req, request),
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
            result, running = await self._find(request_id)
            if result is not None and not result.pending:
                document = await self._filled(result.document)
                if document is None:
                    return responses.refusal(UNKNOWN_RESULT, request_id=request_id)
                return responses.body(200, document)
        except Exception as error:  # noqa: BLE001 - the error names the id of the result
            return responses.scoring_error(failure_log.log_failure(error, request_id), request_id)
        if result is None and running is None:
            return responses.refusal(UNKNOWN_RESULT, request_id=request_id)
        progress = running or {"id": request_id, "status": "pending"}
        return responses.json(202, progress, responses.RETRY_AFTER)

    async def _find(
        self, request_id: str
    ) -> tuple[StoredResult | None, Mapping[str, object] | None]:
        """What is stored under an id, and how far its job is, if that runs."""
        result = await self._results.get(request_id)
        if result is not None and not result.pending:
            return result, None
        running = await self._results.running.find(request_id)
        if result is None and running is None:  # a job may have ended between the lookups
            result = await self._results.get(request_id)
        return result, running

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

    async def _respond(self, req: func.HttpRequest, request: Request) -> func.HttpResponse:
        if self._queue is not None and "respond-async" in request.headers.get("prefer", "").lower():
            accepted = await self._enqueue(req, request, self._queue)
            if accepted is not None:
                return accepted
        answer = await self._scorer.score(request)
        return responses.answer(answer, self._scorer.model.version)

    async def _enqueue(
        self, req: func.HttpRequest, request: Request, queue: RequestQueue
    ) -> func.HttpResponse | None:
        """202; None if the result could not be fetched later: then it is answered at once."""
        session_id = request_queue.session_id(request)
        if len(session_id) > MAX_ID:
            expected = f"{SESSION_ID}: expected at most {MAX_ID} characters, got {len(session_id)}"
            return responses.refusal(ID_TOO_LONG, f"{expected}; send a shorter id", request.id)
        await self._scorer.validate(request)
        reservation, trace = await queue.put(request)
        if reservation == "unreachable":
            return None
        if reservation == "other":
            return responses.refusal(
                ID_IN_USE, "x-request-id names another request; send a new id", request.id
            )
        location = urlsplit(urljoin(req.url, f"results/{quote(request.id, safe='')}")).path
        return responses.json(
            202,
            {"id": request.id, "status": "pending"},
            {**responses.RETRY_AFTER, "location": location, **message_spans.header(trace)},
        )


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
