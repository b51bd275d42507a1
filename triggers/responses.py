"""HTTP responses. Every one names its type: the platform would guess at a bare string."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import azure.functions as func
import orjson

from inference.errors import ResultUnserialisable, ScoringError, ScriptFailed
from inference.request import Answer
from triggers.statuses import RETRY_AFTER_S, Refusal, status_of

JSON = "application/json"
RETRY_AFTER = {"retry-after": str(RETRY_AFTER_S)}
#: Headers of one connection, which a script can't set.
_HOP_BY_HOP = frozenset({"connection", "content-length", "keep-alive", "transfer-encoding"})


class Response(func.HttpResponse):
    """A response whose headers are a plain dict with lower-case names, `content-type` among them.

    It replaces every public member of Microsoft's class and does not call its constructor, which
    takes 2.4 us; with Microsoft's headers, which check each value again, a response takes 7 us
    instead of 0.5 us. tests/triggers/test_responses.py fails if the class changes.
    """

    #: For the report of the request (http_exchange.report): not sent.
    rows: int | None = None
    error: str | None = None

    def __init__(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self._status, self._content, self._fields = status, content, headers
        kind = headers["content-type"]
        if kind.startswith("text/") and ";" not in kind:
            headers["content-type"] = f"{kind}; charset=utf-8"

    @property
    def status_code(self) -> int:
        return self._status

    @property
    def headers(self) -> Any:
        return self._fields

    @property
    def mimetype(self) -> str:
        return self._fields["content-type"].partition(";")[0]

    @property
    def charset(self) -> str:
        return "utf-8"

    def get_body(self) -> bytes:
        return self._content


class RenderError(Protocol):
    """Renders an error in the shape of one protocol. `error` is that of `score`."""

    def __call__(
        self,
        status: int,
        code: str,
        message: str,
        request_id: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> func.HttpResponse: ...


def body(
    status: int, content: bytes, headers: Mapping[str, str] | None = None, kind: str = JSON
) -> Response:
    """`headers` has lower-case names."""
    return Response(status, content, {"content-type": kind, **(headers or {})})


def json(status: int, document: object, headers: Mapping[str, str] | None = None) -> Response:
    return body(status, orjson.dumps(document), headers)


def error(
    status: int,
    code: str,
    message: str,
    request_id: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> func.HttpResponse:
    document = {"code": code, "message": message, "request_id": request_id}
    return with_code(json(status, {"error": document}, headers), code)


def with_code(response: Response, code: str) -> Response:
    """The response to an error with this code."""
    response.error = code
    return response


def refusal(
    refused: Refusal, message: str | None = None, request_id: str | None = None
) -> func.HttpResponse:
    """A refusal by a trigger, with its description if there is no message."""
    return error(refused.status, refused.code, message or refused.description, request_id)


def scoring_error(
    failure: ScoringError, request_id: str, render: RenderError = error
) -> func.HttpResponse:
    """An error of the core, with its status of triggers.statuses."""
    status = status_of(failure)
    headers = {}
    if status == 503:
        headers = RETRY_AFTER
    if isinstance(failure, ScriptFailed | ResultUnserialisable):
        headers = {"x-ms-run-function-failed": "true"}
    return render(status, failure.code, failure.message, request_id, headers)


def answer(answered: Answer, version: str) -> func.HttpResponse:
    """An answer, with the headers that say how it was made."""
    headers = {
        "content-type": answered.content_type,
        "x-cache": answered.cache,
        "x-model-version": version,
        "x-ms-run-fn-exec-ms": f"{answered.elapsed_ms:.3f}",
    }
    if answered.age_s is not None:
        headers["age"] = str(int(answered.age_s))
    if answered.headers or answered.status >= 500:
        headers = _script_headers(answered) | headers
        if "set-cookie" in headers:  # the platform takes cookies from its own headers alone
            return func.HttpResponse(answered.body, status_code=answered.status, headers=headers)
    response = Response(answered.status, answered.body, headers)
    response.rows = answered.rows
    return response


def _script_headers(answered: Answer) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in answered.headers:
        if name not in _HOP_BY_HOP:
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
    if answered.status >= 500:
        headers["x-ms-run-function-failed"] = "true"
    return headers
