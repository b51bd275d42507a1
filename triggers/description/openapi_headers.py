"""The headers of requests and answers in OpenAPI."""

from __future__ import annotations

from typing import Any, get_args

from inference.request import CacheStatus
from inference.rows import content_encoding
from triggers.http_exchange import ID_HEADERS
from triggers.statuses import MAX_ID

_TEXT: dict[str, Any] = {"type": "string"}

#: Of answers, by name. An answer that names a required one always has it.
ANSWERS: dict[str, Any] = {
    "x-request-id": {
        "required": True,
        "description": "The request's own, or a new one.",
        "schema": _TEXT,
    },
    "x-ms-client-request-id": {"description": "The request's own.", "schema": _TEXT},
    "x-cache": {
        "required": True,
        "description": "Whether the answer was stored (hit), computed (miss), computed for an equal"
        " request (joined), or computed and not stored (bypass).",
        "schema": {"enum": list(get_args(CacheStatus))},
    },
    "age": {
        "description": "Seconds since the prediction was made; on a hit.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "x-model-version": {
        "required": True,
        "description": "The beginning of the model's SHA-256.",
        "schema": _TEXT,
    },
    "x-ms-run-fn-exec-ms": {
        "required": True,
        "description": "Milliseconds that the core took, waiting included.",
        "schema": {"type": "number", "minimum": 0},
    },
    "x-ms-run-function-failed": {
        "description": "That the model or its script is at fault.",
        "schema": {"const": "true"},
    },
    "Location": {
        "required": True,
        "description": "Where the result will be.",
        "schema": {"type": "string", "format": "uri-reference"},
    },
    "Retry-After": {
        "required": True,
        "description": "Seconds to wait before asking again.",
        "schema": {"type": "integer", "minimum": 0},
    },
}
ANSWERED = (*ID_HEADERS, "x-cache", "age", "x-model-version", "x-ms-run-fn-exec-ms")
ACCEPTED = (*ID_HEADERS, "Location", "Retry-After")


def answers(names: tuple[str, ...]) -> dict[str, Any]:
    """Some of ANSWERS, as a response refers to them."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def requests(*, queued: bool) -> list[dict[str, Any]]:
    """Parameters of the score route. `Accept` is none: OpenAPI has the answer's types for it."""
    named: dict[str, tuple[str, dict[str, Any], str]] = {
        name: ("Comes back with the answer.", {"type": "string", "maxLength": MAX_ID}, "7f3c")
        for name in ID_HEADERS
    }
    named["Cache-Control"] = (
        "`no-cache` computes the answer anew, and stores it.",
        _TEXT,
        "no-cache",
    )
    if queued:
        named["Prefer"] = (
            "`respond-async` enqueues the request: 202, and the result under its id.",
            _TEXT,
            "respond-async",
        )
    return [
        {"name": name, "in": "header", "description": what, "schema": schema, "example": example}
        for name, (what, schema, example) in named.items()
    ]


def encoding() -> dict[str, Any]:
    """The parameter of a compressed body."""
    return {
        "name": "Content-Encoding",
        "in": "header",
        "description": "How the body is compressed.",
        "schema": {"enum": ["identity", *content_encoding.SUPPORTED, ""]},
    }
