"""What the client sends, and what it makes of the answers, without any I/O.

An exchange is a generator. It yields a Request and is sent the Response or an error, or it yields
seconds to wait.
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypedDict, Unpack
from urllib.parse import quote

from httpx2 import ConnectError, LocalProtocolError, Response, TransportError

from triscore_client import errors
from triscore_client.bodies import body_of

_MAY_ANSWER_LATER = frozenset({429, 502, 503, 504})
#: A gateway's 504 has no error document. The app's own has one: the model takes too long, and each
#: further try would keep it from other requests.
_FINAL_WITH_DOCUMENT = 504
#: What a refusal of the platform means, which has no error document.
_HINTS = {
    401: "the key is missing or wrong: give a function key of the app",
    404: "the app is not at this address (HTTP 404): check it",
    413: "the body is too large for the app (HTTP 413)",
}
#: Seconds: the pauses between tries if the app names none, doubled; what a try gets at least.
_FIRST_PAUSE_S, _LAST_PAUSE_S, _LEAST_S = 0.1, 5.0, 0.1
#: Seconds for which an address that takes no connection is tried: a restart on the same machine.
#: Azure's front end takes connections while an app restarts.
_CONNECT_S = 5.0


class Request(NamedTuple):
    """As httpx2 takes it. `url`: from the app's address on, with the query. `timeout`: seconds."""

    method: str
    url: str
    headers: dict[str, str]
    content: bytes = b""
    timeout: float = 0


type Reply = Response | TransportError | None
type Exchange[T] = Generator[Request | float, Reply, T]


@dataclass(frozen=True, slots=True)
class Answer:
    """Predictions, one a row, in order.

    `cache`: hit, miss, joined or bypass. `age_s`: of a hit. `scoring_ms`: with time in queues.
    `probabilities`, if asked for: one list a row, in the order of `classes`.
    """

    predictions: list[Any]
    probabilities: list[Any] | None
    classes: list[Any] | None
    cache: str
    age_s: int
    scoring_ms: float
    model_version: str
    request_id: str


class Sending(TypedDict, total=False):
    """`content_encoding`: `gzip`, `deflate` or `zstd` for bytes that are compressed."""

    content_type: str
    content_encoding: str


class Scoring(Sending, total=False):
    """`output`: `probabilities` adds them to the labels. `fresh`: replace what is cached."""

    output: str
    fresh: bool


class Queueing(Sending, total=False):
    """`request_id`: of the result, at most 100 characters."""

    request_id: str


def score(rows: Any, timeout_s: float, **options: Unpack[Scoring]) -> Exchange[Answer]:
    content, headers = _body(rows, options)
    headers["accept"] = "application/json"
    if options.get("fresh"):
        headers["cache-control"] = "no-cache"
    query = f"?output={quote(output)}" if (output := options.get("output")) else ""
    reply = yield from send(Request("POST", f"/api/score{query}", headers, content), timeout_s)
    return _answer(reply)


def enqueue(rows: Any, timeout_s: float, **options: Unpack[Queueing]) -> Exchange[str]:
    # Chosen here: a request that is sent again because its reply was lost has the same id.
    name = options.get("request_id") or uuid.uuid4().hex
    content, headers = _body(rows, options)
    headers |= {"prefer": "respond-async", "x-request-id": name}
    reply = yield from send(Request("POST", "/api/score", headers, content), timeout_s)
    if reply.status_code != 202:
        raise errors.ClientError("the app answered at once and keeps no result: use score")
    return name


def result(request_id: str, timeout_s: float, wait_s: float | None) -> Exchange[dict[str, Any]]:
    """`wait_s`: for the result, requests included. 0 asks once, and takes up to `timeout_s`."""
    deadline = time.monotonic() + (timeout_s if wait_s is None else wait_s)
    request, pause_s = _of_result("GET", request_id), _FIRST_PAUSE_S
    least_s = timeout_s if wait_s == 0 else _LEAST_S
    while True:
        reply = yield from send(request, deadline - time.monotonic(), least_s)
        if reply.status_code != 202:
            break
        pause_s = _retry_after_s(reply) or min(pause_s * 2, _LAST_PAUSE_S)
        if time.monotonic() + pause_s > deadline:
            raise errors.ResultPending(request_id, _json(reply))
        yield pause_s
    document: dict[str, Any] = _json(reply)
    if document["status"] == "succeeded":
        return document
    raise errors.ScoringFailed(document)


def cancel(request_id: str, timeout_s: float) -> Exchange[None]:
    yield from send(_of_result("DELETE", request_id), timeout_s)


def _answer(reply: Response) -> Answer:
    found, headers = _json(reply), reply.headers
    fields = found if isinstance(found, dict) and "predictions" in found else {"predictions": found}
    return Answer(
        predictions=fields["predictions"],
        probabilities=fields.get("probabilities"),
        classes=fields.get("classes"),
        cache=headers.get("x-cache", ""),
        age_s=int(headers.get("age", 0)),
        scoring_ms=float(headers.get("x-ms-run-fn-exec-ms", 0)),
        model_version=headers.get("x-model-version", ""),
        request_id=headers.get("x-request-id", ""),
    )


def _body(rows: Any, options: Mapping[str, Any]) -> tuple[bytes, dict[str, str]]:
    content, content_type = body_of(rows, options.get("content_type"))
    encoding = options.get("content_encoding")
    headers = {"content-type": content_type}
    return content, headers | ({"content-encoding": encoding} if encoding else {})


def _of_result(method: str, request_id: str) -> Request:
    return Request(method, f"/api/results/{quote(request_id, safe='')}", {})


def send(request: Request, timeout_s: float, least_s: float = _LEAST_S) -> Exchange[Response]:
    """Send, and again while the app may answer later and time is left. Returns a 2xx reply."""
    connected, pause_s = time.monotonic(), _FIRST_PAUSE_S
    deadline = connected + timeout_s
    while True:
        reply = yield request._replace(timeout=max(deadline - time.monotonic(), least_s))
        if isinstance(reply, Response) and reply.is_success:
            return reply
        wait_s = _pause_s(reply) or pause_s * random.uniform(0.5, 1)  # noqa: S311 - callers spread
        is_away = isinstance(reply, ConnectError)
        connected = connected if is_away else time.monotonic()
        last = min(deadline, connected + _CONNECT_S) if is_away else deadline
        if time.monotonic() + wait_s > last:
            raise errors.AppUnavailable(_reason(reply, max(timeout_s, least_s)))
        yield wait_s
        pause_s = min(pause_s * 2, _LAST_PAUSE_S)


def _pause_s(reply: Reply) -> float | None:
    """What the app asks for; None if it asks for nothing. Raises if no other try can succeed."""
    if isinstance(reply, LocalProtocolError):
        raise errors.ClientError(f"the request can't be sent: {reply}")
    if not isinstance(reply, Response):
        return None
    is_final = reply.status_code == _FINAL_WITH_DOCUMENT and _error(reply)
    if is_final or reply.status_code not in _MAY_ANSWER_LATER:
        raise refusal(reply)
    return _retry_after_s(reply)


def refusal(reply: Response) -> errors.Refused:
    """The error of a reply that no other try can change."""
    status, error = reply.status_code, _error(reply)
    hint = _HINTS.get(status, f"HTTP {status}")
    if location := reply.headers.get("location"):
        hint += f", a redirect to {location}: give the address that it begins with"
    message, code = str(error.get("message", hint)), str(error.get("code", ""))
    name = str(error.get("request_id", reply.headers.get("x-request-id", "")))
    return errors.Refused(status, code, message, name)


def _reason(reply: Reply, tried_s: float) -> str:
    if isinstance(reply, Response):
        return str(_error(reply).get("message", f"HTTP {reply.status_code} for {tried_s:g} s"))
    address = str(reply.request.url).partition("/api/")[0] if reply else "its address"
    reason = str(reply or "") or f"tried for {tried_s:g} s"
    return f"the app does not answer at {address} ({reason}): start it, or check the address"


def _json(reply: Response) -> Any:
    try:
        return reply.json()
    except ValueError:
        raise errors.ClientError(
            f"expected JSON, got {reply.headers.get('content-type')}"
        ) from None


def _error(reply: Response) -> Mapping[str, Any]:
    try:
        error = reply.json()["error"]
    except (ValueError, LookupError, TypeError):  # from the platform, without a document
        return {}
    return error if isinstance(error, dict) else {}


def _retry_after_s(reply: Response) -> float | None:
    seconds = reply.headers.get("retry-after", "")
    return float(seconds) if seconds.isdigit() else None
