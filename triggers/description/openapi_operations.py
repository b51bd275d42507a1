"""Results, health and the documents themselves in OpenAPI."""

from __future__ import annotations

from functools import partial
from typing import get_args

from inference.request import CacheStatus, Source
from inference.serving.health import Answers, ModelStatus
from triggers.description import openapi_headers as headers
from triggers.description import openapi_refusals as refusals
from triggers.description import swagger
from triggers.description.openapi_parts import (
    TEXT,
    Json,
    enum,
    open_get,
    operation,
    path_parameter,
    record,
    ref,
    response,
)
from triggers.statuses import RESULT_FINISHED, UNKNOWN_RESULT, UNKNOWN_VERSION

_OBJECT: Json = {"type": "object"}
_get = partial(open_get, parameters=[])
_TIME = TEXT | {"format": "date-time"}

_COUNT: Json = {"type": "integer", "minimum": 0}
#: Where a result is that a message can't carry: triggers.delivery.result_blobs.
_RESULT_BLOB = record(
    *("container", "blob", "bytes", "content_type"),
    container=TEXT,
    blob=TEXT | {"description": "The blob's name."},
    bytes=_COUNT,
    content_type=TEXT,
)
#: The document of inference.results.result_document.
RESULT = record(
    *("id", "status", "source", "model", "cache", "result", "error", "received_at"),
    id=TEXT,
    status=enum(("succeeded", "failed")),
    source=enum(get_args(Source)),
    model=record(name=TEXT, version=TEXT),
    cache=enum(get_args(CacheStatus)),
    result={
        "description": "The answer as JSON; null if it failed, or if the document is on the queue"
        " and its result in a blob."
    },
    result_blob=_RESULT_BLOB
    | {"description": "The blob of a result that is too large for the queue."},
    error=record("code", "message", code=TEXT, message=TEXT) | {"type": ["object", "null"]},
    received_at=_TIME,
    finished_at=_TIME,
    message_id=TEXT,
    correlation_id=TEXT | {"description": "Of a message; reply_to likewise."},
    reply_to=TEXT,
)
#: The answer about an enqueued request that has no result yet.
PENDING = record("id", "status", id=TEXT, status={"const": "pending"})
_NUMBER: Json = {"type": ["number", "null"]}
#: The answer about a blob that is being scored: inference.results.running_jobs.
RUNNING = record(
    *("id", "status", "rows", "failed", "bytes", "seconds", "rows_per_s"),
    id=TEXT,
    status={"const": "running"},
    rows=_COUNT | {"description": "Rows whose output is written."},
    failed=_COUNT | {"description": "Rows that have an error instead of a prediction."},
    bytes=_COUNT | {"description": "Bytes of the input that were read."},
    share=_NUMBER | {"description": "How much of the input was read, from 0 to 1."},
    seconds={"type": "number"},
    rows_per_s={"type": "number"},
    seconds_left=_NUMBER | {"description": "An estimate; null while there is none."},
)
_MODEL_HEALTH = record(
    *("status", "answers", "name", "version", "packages"),
    status=enum(get_args(ModelStatus)),
    answers=enum(get_args(Answers))
    | {"description": "What is answered now: stored rows alone, all, or none."},
    name=TEXT,
    version=TEXT,
    packages={
        "type": "array",
        "items": TEXT,
        "description": "The slow packages that are imported already.",
    },
    message=TEXT | {"description": "Why it did not load."},
)
_CACHE_HEALTH = record(
    "status",
    status=enum(("ok", "degraded")),
    reason=TEXT | {"description": "Why, in a word: `away`, `full`, …"},
    message=TEXT | {"description": "Why, and what to do."},
)
HEALTH = record(
    *("status", "dependencies"),
    status=enum((*get_args(ModelStatus), "degraded")),
    dependencies=record("model", "cache", model=_MODEL_HEALTH, cache=_CACHE_HEALTH),
)


def results() -> Json:
    pending = response("It waits to be scored, or is being scored.", {"oneOf": [PENDING, RUNNING]})
    responses = {
        "200": response("It is finished.", ref("Result")),
        "202": pending | {"headers": headers.answers(("Retry-After",))},
        **refusals.responses([UNKNOWN_RESULT, refusals.INTERNAL, refusals.OVERLOADED]),
    }
    summary = "The result of an enqueued request, a blob or a message"
    parameters = [path_parameter("id", TEXT, example="7f3c")]
    cancelled = {
        "204": {"description": "It ends: its result will be a failed document, `cancelled`."},
        **refusals.responses(
            [UNKNOWN_RESULT, RESULT_FINISHED, refusals.INTERNAL, refusals.OVERLOADED]
        ),
    }
    ending = "End a blob that is being scored, or drop a request that waits"
    return {
        "get": operation("result", summary, responses, parameters=parameters),
        "delete": operation("cancel", ending, cancelled, parameters=parameters),
    }


def metrics() -> Json:
    summary = "Metrics of the process that answers, for Prometheus"
    responses = {"200": response("Text format 0.0.4.", TEXT, "text/plain")}
    return {"get": operation("metrics", summary, responses)}


def without_key() -> Json:
    """The paths that need no key."""
    version = {
        "name": "version",
        "in": "query",
        "schema": enum(swagger.VERSIONS) | {"default": swagger.DEFAULT},
    }
    return {
        "/health/live": _get(
            "live",
            "Whether the process answers",
            {"200": response("Yes.", record(status={"const": "ok"}))},
        ),
        "/health/ready": _get(
            "ready",
            "Whether the model can answer, and the state of its dependencies",
            {
                "200": response("It can. It is slower while the cache is away.", ref("Health")),
                "503": response("It is loading, or failed to load.", ref("Health")),
            },
        ),
        "/openapi.json": _get(
            "openapi", "This document", {"200": response("OpenAPI 3.1.", _OBJECT)}
        ),
        "/swagger.json": _get(
            "swagger",
            "The document for clients of Azure Machine Learning",
            {
                "200": response("Swagger 2.0, or OpenAPI 3.0 or 3.1.", _OBJECT),
                **refusals.responses([UNKNOWN_VERSION]),
            },
            parameters=[version],
        ),
    }
