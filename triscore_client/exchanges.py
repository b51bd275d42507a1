"""What is asked and what follows from the answers, without any I/O.

An exchange is a generator. It yields a Request and is sent the Response, or None if none came; or
it yields a number of seconds to wait. Both clients run the same exchanges.
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypedDict, Unpack
from urllib.parse import quote

from httpx2 import Response

from triscore_client.bodies import body_of
from triscore_client.errors import AppUnavailable, Refused, ScoringFailed

#: Statuses of an app that may answer later.
_LATER = frozenset({429, 502, 503, 504})
#: Seconds between two tries where the app names none: doubled from the first to the last.
_FIRST_PAUSE_S, _LAST_PAUSE_S = 0.1, 5.0


class Request(NamedTuple):
    """As httpx2 takes it. `url`: from the app's address on, with the query."""

    method: str
    url: str
    headers: dict[str, str]
    content: bytes = b""


type Exchange[T] = Generator[Request | float, Response | None, T]


@dataclass(frozen=True, slots=True)
class Answer:
    """Predictions, one a row, in order.

    `cache`: hit, miss, joined or bypass. `age_s`: seconds since a hit was computed. `scoring_ms`:
    what the app took, waiting included. `probabilities`, one list a row in the order of `classes`:
    if they were asked for.
    """

    predictions: list[Any]
    probabilities: list[Any] | None
    classes: list[Any] | None
    cache: str
    age_s: int
    scoring_ms: float
    model_version: str
    request_id: str


class Scoring(TypedDict, total=False):
    """`output`: `probabilities` for labels and probabilities. `fresh`: compute the answer anew and
    replace what is cached.
    """

    content_type: str
    output: str
    fresh: bool


class Queueing(TypedDict, total=False):
    """`request_id`: of the result, at most 100 characters."""

    content_type: str
    request_id: str


def score(rows: Any, timeout_s: float, **options: Unpack[Scoring]) -> Exchange[Answer]:
    content, content_type = body_of(rows, options.get("content_type"))
    headers = {"content-type": content_type, "accept": "application/json"}
    if options.get("fresh"):
        headers["cache-control"] = "no-cache"
    output = options.get("output")
    path = f"/api/score?output={quote(output)}" if output else "/api/score"
    reply = yield from _ask(Request("POST", path, headers, content), timeout_s)
    return _answer(reply)


def enqueue(rows: Any, timeout_s: float, **options: Unpack[Queueing]) -> Exchange[str]:
    # Chosen here: a request that is sent again because its reply was lost has the same id.
    name = options.get("request_id") or uuid.uuid4().hex
    content, content_type = body_of(rows, options.get("content_type"))
    headers = {"content-type": content_type, "prefer": "respond-async", "x-request-id": name}
    yield from _ask(Request("POST", "/api/score", headers, content), timeout_s)
    return name


def result(request_id: str, timeout_s: float) -> Exchange[dict[str, Any]]:
    deadline = time.monotonic() + timeout_s
    pause_s = _FIRST_PAUSE_S
    while True:
        reply = yield from _ask(_of_result("GET", request_id), deadline - time.monotonic())
        if reply.status_code != 202:
            break
        pause_s = _retry_after_s(reply) or min(pause_s * 2, _LAST_PAUSE_S)
        if time.monotonic() + pause_s > deadline:
            raise AppUnavailable(f"{request_id} has no result yet")
        yield pause_s
    document: dict[str, Any] = reply.json()
    if document["status"] != "succeeded":
        raise ScoringFailed(document)
    return document


def metrics(timeout_s: float) -> Exchange[str]:
    return (yield from _ask(Request("GET", "/api/metrics", {}), timeout_s)).text


def cancel(request_id: str, timeout_s: float) -> Exchange[None]:
    yield from _ask(_of_result("DELETE", request_id), timeout_s)


def _answer(reply: Response) -> Answer:
    found, headers = reply.json(), reply.headers
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


def _of_result(method: str, request_id: str) -> Request:
    return Request(method, f"/api/results/{quote(request_id, safe='')}", {})


def _ask(request: Request, timeout_s: float) -> Exchange[Response]:
    """A reply below 400. A request is sent again while the app may answer later and time is left.
    Raises Refused, AppUnavailable.
    """
    deadline = time.monotonic() + timeout_s
    pause_s = _FIRST_PAUSE_S
    while True:
        reply = yield request
        if reply is not None and reply.status_code < 400:
            return reply
        if reply is not None and reply.status_code not in _LATER:
            raise _refusal(reply)
        wait_s = pause_s * random.uniform(0.5, 1)  # noqa: S311 - so that callers spread
        if reply is not None:
            wait_s = _retry_after_s(reply) or wait_s
        if time.monotonic() + wait_s > deadline:
            raise AppUnavailable(_reason(reply, timeout_s))
        yield wait_s
        pause_s = min(pause_s * 2, _LAST_PAUSE_S)


def _refusal(reply: Response) -> Refused:
    error = _error(reply)
    hint = (
        "the key is missing or wrong" if reply.status_code == 401 else f"HTTP {reply.status_code}"
    )
    return Refused(
        reply.status_code,
        str(error.get("code", "")),
        str(error.get("message", hint)),
        str(error.get("request_id", reply.headers.get("x-request-id", ""))),
    )


def _reason(reply: Response | None, timeout_s: float) -> str:
    if reply is None:
        return f"the app did not answer within {timeout_s:g} s"
    return str(_error(reply).get("message", f"HTTP {reply.status_code} for {timeout_s:g} s"))


def _error(reply: Response) -> Mapping[str, Any]:
    try:
        error = reply.json()["error"]
    except (ValueError, LookupError, TypeError):  # from the platform, without a document
        return {}
    return error if isinstance(error, dict) else {}


def _retry_after_s(reply: Response) -> float | None:
    seconds = reply.headers.get("retry-after", "")
    return float(seconds) if seconds.isdigit() else None
