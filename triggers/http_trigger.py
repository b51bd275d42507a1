"""The HTTP door: score now, or enqueue and follow."""

from __future__ import annotations

import uuid
from urllib.parse import quote, urljoin, urlsplit

import azure.functions as func

from inference.errors import MalformedInput, ResultUnserialisable, ScoringError, ScriptFailed
from inference.request import Answer, Request
from inference.results import Results
from inference.scorer import Scorer
from triggers import envelope, responses
from triggers.settings import SERVICE_BUS, DoorSettings
from triggers.statuses import RETRY_AFTER_S, status_of

#: Longer ids are refused, as Azure ML's own server does.
MAX_ID = 100
ID_HEADERS = ("x-request-id", "x-ms-client-request-id")


def blueprint(scorer: Scorer, results: Results, settings: DoorSettings) -> func.Blueprint:
    """`POST score`, `GET score` for scripts that take query arguments, and `GET results/{id}`.

    Without the Service Bus door nothing can be enqueued.
    """
    functions = func.Blueprint()
    door = HttpDoor(scorer, results)

    if "servicebus" in settings.triggers:

        @functions.route("score", methods=["GET", "POST"])
        @functions.service_bus_queue_output("queue", SERVICE_BUS, settings.input_queue)
        async def score(req: func.HttpRequest, queue: func.Out[str]) -> func.HttpResponse:
            return await door.score(req, queue)

    else:

        @functions.route("score", methods=["GET", "POST"])
        async def score(req: func.HttpRequest) -> func.HttpResponse:
            return await door.score(req, None)

    @functions.route("results/{*id}", methods=["GET"])
    async def results_by_id(req: func.HttpRequest) -> func.HttpResponse:
        return await door.result(req)

    return functions


class HttpDoor:
    """Parses, calls the scorer once, renders."""

    def __init__(self, scorer: Scorer, results: Results) -> None:
        self._scorer, self._results = scorer, results

    async def score(self, req: func.HttpRequest, queue: func.Out[str] | None) -> func.HttpResponse:
        """Answer a request; or enqueue it, where there is a queue and its caller does not wait."""
        echoed = {name: req.headers[name] for name in ID_HEADERS if req.headers.get(name)}
        request_id = echoed.setdefault("x-request-id", str(uuid.uuid4()))
        for name, value in echoed.items():
            if len(value) > MAX_ID:
                return responses.error(
                    431, "id_too_long", f"{name}: at most {MAX_ID} characters, got {len(value)}"
                )
        try:
            response = await self._respond(req, _request(req, request_id), queue)
        except ScoringError as error:
            response = _failed(error, request_id)
        response.headers.update(echoed)
        return response

    async def result(self, req: func.HttpRequest) -> func.HttpResponse:
        """The result document of an asynchronous request, a blob or a message."""
        # The platform decodes a path but for its slashes, which the id may have.
        request_id = req.route_params.get("id", "").replace("%2F", "/").replace("%2f", "/")
        try:
            result = await self._results.get(request_id)
        except ScoringError as error:
            return _failed(error, request_id)
        if result is None:
            return responses.error(
                404, "unknown_result", "no such id, or its result has expired", request_id
            )
        if result.pending:
            return responses.json(202, {"id": request_id, "status": "pending"}, _RETRY_AFTER)
        return responses.body(200, result.document)

    async def _respond(
        self, req: func.HttpRequest, request: Request, queue: func.Out[str] | None
    ) -> func.HttpResponse:
        if queue is not None and "respond-async" in req.headers.get("prefer", "").lower():
            accepted = await self._enqueue(req, request, queue)
            if accepted is not None:
                return accepted
        answer = await self._scorer.score(request)
        return _answered(answer, self._scorer.model.version)

    async def _enqueue(
        self, req: func.HttpRequest, request: Request, queue: func.Out[str]
    ) -> func.HttpResponse | None:
        """202, or None where the result could not be fetched later: the caller then waits."""
        await self._scorer.check(request)
        sealed = envelope.seal(request)
        reservation = await self._results.reserve(request)
        if reservation == "unreachable":
            return None
        if reservation == "other":
            return responses.error(
                409, "id_in_use", "x-request-id names another request; send a new id", request.id
            )
        # A pending one is sent again: the first sending may have failed after the reservation.
        if reservation != "finished":
            queue.set(sealed)
        location = urlsplit(urljoin(req.url, f"results/{quote(request.id, safe='')}")).path
        return responses.json(
            202, {"id": request.id, "status": "pending"}, _RETRY_AFTER | {"Location": location}
        )


_HOP_BY_HOP = frozenset({"connection", "content-length", "keep-alive", "transfer-encoding"})
_RETRY_AFTER = {"Retry-After": str(RETRY_AFTER_S)}


def _request(req: func.HttpRequest, request_id: str) -> Request:
    body = req.get_body()
    if not body and "chunked" in req.headers.get("transfer-encoding", "").lower():
        raise MalformedInput("a chunked body does not reach a function; send Content-Length")
    return Request(
        id=request_id,
        source="http",
        body=body,
        content_type=req.headers.get("content-type", ""),
        accept=req.headers.get("accept", ""),
        method=req.method,
        query=_query(req.url),
        headers=req.headers,
        recompute="no-cache" in req.headers.get("cache-control", "").lower(),
    )


def _query(url: str) -> str:
    """The query without the platform's own argument: `code` is where callers put their key."""
    arguments = urlsplit(url).query.split("&")
    return "&".join(each for each in arguments if each.partition("=")[0].lower() != "code")


def _answered(answer: Answer, version: str) -> func.HttpResponse:
    headers = _of_the_script(answer) | {
        "x-cache": answer.cache,
        "x-model-version": version,
        "x-ms-run-fn-exec-ms": f"{answer.elapsed_ms:.3f}",
    }
    if answer.age_s is not None:
        headers["age"] = str(int(answer.age_s))
    return responses.body(answer.status, answer.body, headers, answer.content_type)


def _of_the_script(answer: Answer) -> dict[str, str]:
    """The headers of a response that a script made. The connection's own are not its to set."""
    headers: dict[str, str] = {}
    for name, value in answer.headers:
        if name not in _HOP_BY_HOP:
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
    if answer.status >= 500:
        headers["x-ms-run-function-failed"] = "true"
    return headers


def _failed(error: ScoringError, request_id: str) -> func.HttpResponse:
    status = status_of(error)
    headers = {}
    if status == 503:
        headers = _RETRY_AFTER
    if isinstance(error, ScriptFailed | ResultUnserialisable):
        headers = {"x-ms-run-function-failed": "true"}
    return responses.error(status, error.code, error.message, request_id, headers)
