"""What the faces of HTTP share: ids echoed, requests read, answers and errors written."""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import wraps
from typing import Protocol
from urllib.parse import urlsplit

import azure.functions as func

from inference import failure_log
from inference.errors import MalformedInput, ResultUnserialisable, ScoringError, ScriptFailed
from inference.request import Answer, Request
from triggers import responses
from triggers.statuses import ID_TOO_LONG, MAX_ID, RETRY_AFTER_S, status_of

ID_HEADERS = ("x-request-id", "x-ms-client-request-id")

RETRY_AFTER = {"retry-after": str(RETRY_AFTER_S)}
_HOP_BY_HOP = frozenset({"connection", "content-length", "keep-alive", "transfer-encoding"})

Handler = Callable[[func.HttpRequest], Awaitable[func.HttpResponse]]

#: Of this module's own, as a script may seed the one that all share. An id is no secret.
_random = random.Random()  # noqa: S311


class Refuse(Protocol):
    """Writes a refusal in the shape of one face; responses.error is that of `score`."""

    def __call__(
        self,
        status: int,
        code: str,
        message: str,
        request_id: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> func.HttpResponse: ...


async def respond(
    req: func.HttpRequest,
    answer: Callable[[Request], Awaitable[func.HttpResponse]],
    refuse: Refuse = responses.error,
    *,
    within_s: float,
) -> func.HttpResponse:
    """What `answer` makes of a request, or why there is none; the request's ids come back.

    It has `within_s` seconds from now.
    """
    deadline = time.monotonic() + within_s

    def read(headers: Mapping[str, str], request_id: str) -> Awaitable[func.HttpResponse]:
        return answer(_request(req, headers, request_id, deadline))

    return await identified(req, read, refuse)


async def identified(
    req: func.HttpRequest,
    answer: Callable[[Mapping[str, str], str], Awaitable[func.HttpResponse]],
    refuse: Refuse = responses.error,
) -> func.HttpResponse:
    """What `answer` makes of a request's headers and id, whatever it raises; the ids come back."""
    headers = dict(req.headers)  # seven are looked for, ten times faster here
    echoed = {name: value for name in ID_HEADERS if (value := headers.get(name))}
    request_id = echoed.get("x-request-id")
    if request_id is None:
        request_id = echoed["x-request-id"] = _new_id()
    for name, value in echoed.items():
        if len(value) > MAX_ID:
            told = f"{name}: at most {MAX_ID} characters, got {len(value)}"
            instead = _new_id()
            response = refuse(ID_TOO_LONG.status, ID_TOO_LONG.code, told, instead)
            response.headers["x-request-id"] = instead
            return response
    try:
        response = await answer(headers, request_id)
    except ScoringError as error:
        response = refused(error, request_id, refuse)
    except Exception as error:  # noqa: BLE001 - whatever it is, its caller is told in our words
        response = refused(failure_log.log_failure(error, request_id), request_id, refuse)
    response.headers.update(echoed)
    return response


def guarded(handler: Handler) -> Handler:
    """A route's function, with `identified` around it."""

    @wraps(handler)  # the platform reads its name and its arguments
    async def answer(req: func.HttpRequest) -> func.HttpResponse:
        return await identified(req, lambda *_: handler(req))

    return answer


def _new_id() -> str:
    return f"{_random.getrandbits(128):032x}"


def answered(answer: Answer, version: str) -> func.HttpResponse:
    """An answer with the headers that say how it came about."""
    headers = {
        "content-type": answer.content_type,
        "x-cache": answer.cache,
        "x-model-version": version,
        "x-ms-run-fn-exec-ms": f"{answer.elapsed_ms:.3f}",
    }
    if answer.age_s is not None:
        headers["age"] = str(int(answer.age_s))
    if answer.headers or answer.status >= 500:
        headers = _own_headers(answer) | headers
        if "set-cookie" in headers:  # the platform knows cookies by its own response alone
            return func.HttpResponse(answer.body, status_code=answer.status, headers=headers)
    return responses.Response(answer.status, answer.body, headers)


def refused(
    error: ScoringError, request_id: str, refuse: Refuse = responses.error
) -> func.HttpResponse:
    """An error with its status of the table."""
    status = status_of(error)
    headers = {}
    if status == 503:
        headers = RETRY_AFTER
    if isinstance(error, ScriptFailed | ResultUnserialisable):
        headers = {"x-ms-run-function-failed": "true"}
    return refuse(status, error.code, error.message, request_id, headers)


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
    """The query without the platform's own argument: `code` is where callers put their key."""
    if "?" not in url:
        return ""
    arguments = urlsplit(url).query.split("&")
    return "&".join(each for each in arguments if each.partition("=")[0].lower() != "code")


def _own_headers(answer: Answer) -> dict[str, str]:
    """The headers that came with an answer. The connection's own are not a script's to set."""
    own: dict[str, str] = {}
    for name, value in answer.headers:
        if name not in _HOP_BY_HOP:
            own[name] = f"{own[name]}, {value}" if name in own else value
    if answer.status >= 500:
        own["x-ms-run-function-failed"] = "true"
    return own
