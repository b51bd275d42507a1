"""What all HTTP routes share: they read the request, echo its ids and render its errors."""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

import azure.functions as func

from inference import failure_log
from inference.errors import MalformedInput, ScoringError
from inference.request import Request
from inference.serving.finished_requests import FinishedRequests
from triggers import responses
from triggers.responses import RenderError
from triggers.statuses import ID_TOO_LONG, MAX_ID

ID_HEADERS = ("x-request-id", "x-ms-client-request-id")

Handler = Callable[[func.HttpRequest], Awaitable[func.HttpResponse]]

#: Of this module's own, as a script may seed the shared one. An id is no secret.
_random = random.Random()  # noqa: S311


async def respond_to_request(
    req: func.HttpRequest,
    answer: Callable[[Request], Awaitable[func.HttpResponse]],
    render_error: RenderError = responses.error,
    *,
    within_s: float,
) -> func.HttpResponse:
    """As `respond`; `answer` gets a Request, whose deadline is `within_s` seconds from now."""
    deadline = time.monotonic() + within_s

    def read(headers: Mapping[str, str], request_id: str) -> Awaitable[func.HttpResponse]:
        return answer(_request(req, headers, request_id, deadline))

    return await respond(req, read, render_error)


async def respond(
    req: func.HttpRequest,
    answer: Callable[[Mapping[str, str], str], Awaitable[func.HttpResponse]],
    render_error: RenderError = responses.error,
) -> func.HttpResponse:
    """The response of `answer` or to its error, with the request's ids.

    `answer` gets the request's headers and its id.
    """
    headers = dict(req.headers)  # seven are looked up, each ten times faster in a dict
    echoed = {name: value for name in ID_HEADERS if (value := headers.get(name))}
    request_id = echoed.get("x-request-id")
    if request_id is None:
        request_id = echoed["x-request-id"] = _new_id()
    for name, value in echoed.items():
        if len(value) > MAX_ID:
            return _refuse_id(name, value, render_error)
    try:
        response = await answer(headers, request_id)
    except ScoringError as error:
        response = responses.scoring_error(error, request_id, render_error)
    except Exception as error:  # noqa: BLE001 - the caller gets every error in the app's own words
        failure = failure_log.log_failure(error, request_id)
        response = responses.scoring_error(failure, request_id, render_error)
    response.headers.update(echoed)
    return response


def report(
    finished: FinishedRequests, route: str, response: func.HttpResponse, began: float
) -> None:
    """Report a request to score with its response. `began`: time.perf_counter() when it came."""
    status, seconds = response.status_code, time.perf_counter() - began
    if finished.is_observed:
        finished.report("http", route, status, seconds, **_details(response))
    else:
        finished.report("http", route, status, seconds)


def observed(finished: FinishedRequests, route: str) -> Callable[[Handler], Handler]:
    """Decorate a function that asks for no prediction: the observers are notified of its calls."""

    def decorate(handler: Handler) -> Handler:
        @wraps(handler)
        async def answer(req: func.HttpRequest) -> func.HttpResponse:
            began = time.perf_counter()
            response = await handler(req)
            seconds = time.perf_counter() - began
            finished.notify("http", route, response.status_code, seconds, **_details(response))
            return response

        return answer

    return decorate


def _details(response: func.HttpResponse) -> dict[str, Any]:
    headers = response.headers
    return {
        "request_id": headers["x-request-id"],
        "cache": headers.get("x-cache"),
        "rows": getattr(response, "rows", None),
        "error": getattr(response, "error", None),
    }


def guarded(handler: Handler) -> Handler:
    """Decorate a route's function with `respond`."""

    @wraps(handler)  # the platform reads its name and its arguments
    async def answer(req: func.HttpRequest) -> func.HttpResponse:
        return await respond(req, lambda *_: handler(req))

    return answer


def _new_id() -> str:
    return _random.randbytes(16).hex()


def _refuse_id(name: str, value: str, render_error: RenderError) -> func.HttpResponse:
    message = f"{name}: expected at most {MAX_ID} characters, got {len(value)}; send a shorter id"
    request_id = _new_id()
    response = render_error(ID_TOO_LONG.status, ID_TOO_LONG.code, message, request_id)
    response.headers["x-request-id"] = request_id
    return response


def _request(
    req: func.HttpRequest, headers: Mapping[str, str], request_id: str, deadline: float
) -> Request:
    body = req.get_body()
    if not body and "chunked" in headers.get("transfer-encoding", "").lower():
        raise MalformedInput("a chunked body does not reach a function; send Content-Length")
    return Request(
        id=request_id,
        source="http",
        body=body,
        content_type=headers.get("content-type", ""),
        accept=headers.get("accept", ""),
        method=req.method,
        query=_query(req.url),
        headers=headers,
        recompute="no-cache" in headers.get("cache-control", "").lower(),
        deadline=deadline,
    )


def _query(url: str) -> str:
    """The query without the platform's own argument `code`, in which callers pass their key."""
    if "?" not in url:
        return ""
    arguments = urlsplit(url).query.split("&")
    return "&".join(each for each in arguments if each.partition("=")[0].lower() != "code")
