"""The headers of requests and answers in OpenAPI."""

from __future__ import annotations

from typing import get_args

from inference.request import CacheStatus
from inference.rows import content_encoding
from triggers.description.openapi_parts import TEXT, Json, enum
from triggers.http_exchange import ID_HEADERS
from triggers.statuses import MAX_ID

_SECONDS: Json = {"type": "integer", "minimum": 0}


def _header(description: str, schema: Json, **more: bool) -> Json:
    return {"description": description, "schema": schema, **more}


#: Of answers, by name. An answer that refers to a required header always has it.
ANSWERS: Json = {
    "x-request-id": _header("The request's own, or a new one.", TEXT, required=True),
    "x-ms-client-request-id": _header("The request's own.", TEXT),
    "x-cache": _header(
        "Whether the answer was stored (hit), computed (miss), computed for an equal request"
        " (joined), or computed and not stored (bypass).",
        enum(get_args(CacheStatus)),
        required=True,
    ),
    "age": _header("Seconds since the prediction was made; on a hit.", _SECONDS),
    "x-model-version": _header("The beginning of the model's SHA-256.", TEXT, required=True),
    "x-ms-run-fn-exec-ms": _header(
        "Milliseconds in the core, waiting included.",
        {"type": "number", "minimum": 0},
        required=True,
    ),
    "x-ms-run-function-failed": _header("The model or its script failed.", {"const": "true"}),
    "Location": _header(
        "Where the result will be.", {"type": "string", "format": "uri-reference"}, required=True
    ),
    "Retry-After": _header("Seconds to wait before the next request.", _SECONDS, required=True),
}
ANSWERED = (*ID_HEADERS, "x-cache", "age", "x-model-version", "x-ms-run-fn-exec-ms")
ACCEPTED = (*ID_HEADERS, "Location", "Retry-After")


def answers(names: tuple[str, ...]) -> Json:
    """Some of ANSWERS, as a response refers to them."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def requests(*, queued: bool) -> list[Json]:
    """Parameters of the score route. `Accept` is not one: OpenAPI lists the types of the answer."""
    identifier = TEXT | {"maxLength": MAX_ID}
    parameters = [
        _parameter(name, "The answer has it too.", identifier, "7f3c") for name in ID_HEADERS
    ]
    recompute = "`no-cache` computes the answer again, and stores it."
    parameters.append(_parameter("Cache-Control", recompute, TEXT, "no-cache"))
    if queued:
        prefer = "`respond-async` enqueues the request: 202, and the result under its id."
        parameters.append(_parameter("Prefer", prefer, TEXT, "respond-async"))
        # Read of enqueued requests alone: then at most MAX_ID characters, else 431.
        session = (
            f"The session of an enqueued request, where the queue has sessions: at most {MAX_ID}"
            " characters."
        )
        parameters.append(_parameter("x-session-id", session, TEXT, "customer-42"))
    return parameters


def encoding() -> Json:
    """The parameter of a compressed body."""
    schema = enum(("identity", *content_encoding.SUPPORTED, ""))
    return _parameter("Content-Encoding", "How the body is compressed.", schema)


def _parameter(name: str, description: str, schema: Json, example: str = "") -> Json:
    parameter = {"name": name, "in": "header", "description": description, "schema": schema}
    return parameter | {"example": example} if example else parameter
