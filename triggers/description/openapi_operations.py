"""ResultStore, health and the documents themselves in OpenAPI."""

from __future__ import annotations

from typing import Any, get_args

from inference.request import CacheStatus, Source
from inference.rows import media_types
from inference.serving.health import Answers, ModelStatus
from triggers.description import openapi_headers as headers
from triggers.description import openapi_refusals as refusals
from triggers.description import swagger
from triggers.statuses import UNKNOWN_RESULT, UNKNOWN_VERSION

_TEXT: dict[str, Any] = {"type": "string"}
_TIME: dict[str, Any] = {"type": "string", "format": "date-time"}

#: Of inference.results.result_document: what became of a request.
RESULT: dict[str, Any] = {
    "type": "object",
    "required": ["id", "status", "source", "model", "cache", "result", "error", "received_at"],
    "properties": {
        "id": _TEXT,
        "status": {"enum": ["succeeded", "failed"]},
        "source": {"enum": list(get_args(Source))},
        "model": {"type": "object", "properties": {"name": _TEXT, "version": _TEXT}},
        "cache": {"enum": list(get_args(CacheStatus))},
        "result": {"description": "The answer as JSON; null where it failed."},
        "error": {
            "type": ["object", "null"],
            "required": ["code", "message"],
            "properties": {"code": _TEXT, "message": _TEXT},
        },
        "received_at": _TIME,
        "finished_at": _TIME,
    },
}
#: Of a request that is enqueued, and of its result until it is there.
PENDING: dict[str, Any] = {
    "type": "object",
    "required": ["id", "status"],
    "properties": {"id": _TEXT, "status": {"const": "pending"}},
}
HEALTH: dict[str, Any] = {
    "type": "object",
    "required": ["status", "dependencies"],
    "properties": {
        "status": {"enum": [*get_args(ModelStatus), "degraded"]},
        "dependencies": {
            "type": "object",
            "required": ["model", "cache"],
            "properties": {
                "model": {
                    "type": "object",
                    "required": ["status", "answers", "name", "version", "packages"],
                    "properties": {
                        "status": {"enum": list(get_args(ModelStatus))},
                        "answers": {
                            "enum": list(get_args(Answers)),
                            "description": "What is answered by now: rows that were stored before,"
                            " all, or none.",
                        },
                        "name": _TEXT,
                        "version": _TEXT,
                        "packages": {
                            "type": "array",
                            "items": _TEXT,
                            "description": "The slow ones to import that are imported by now.",
                        },
                        "message": _TEXT | {"description": "Why it did not load."},
                    },
                },
                "cache": {
                    "type": "object",
                    "required": ["status"],
                    "properties": {
                        "status": {"enum": ["ok", "degraded"]},
                        "reason": _TEXT | {"description": "Why, in a word: `away`, `full`, …"},
                        "message": _TEXT | {"description": "Why, and what to do."},
                    },
                },
            },
        },
    },
}


def results() -> dict[str, Any]:
    parameter = {"name": "id", "in": "path", "required": True, "schema": _TEXT, "example": "7f3c"}
    return {
        "get": {
            "operationId": "result",
            "summary": "What became of an enqueued request, a blob or a message",
            "parameters": [parameter],
            "responses": {
                "200": _answer("It is finished.", {"$ref": "#/components/schemas/Result"}),
                "202": {
                    **_answer("It waits to be scored.", PENDING),
                    "headers": headers.answers(("Retry-After",)),
                },
                **refusals.responses([UNKNOWN_RESULT, refusals.INTERNAL, refusals.OVERLOADED]),
                **refusals.CROWDED,
            },
        }
    }


def metrics() -> dict[str, Any]:
    text = {"content": {"text/plain": {"schema": _TEXT}}}
    return {
        "get": {
            "operationId": "metrics",
            "summary": "What the process that answers has done, for Prometheus",
            "responses": {
                "200": {"description": "Text format 0.0.4.", **text},
                **refusals.CROWDED,
            },
        }
    }


def open_to_all() -> dict[str, Any]:
    """The paths that ask for no key."""
    ready = {"$ref": "#/components/schemas/Health"}
    alive = {"type": "object", "properties": {"status": {"const": "ok"}}}
    version = {
        "name": "version",
        "in": "query",
        "schema": {"enum": list(swagger.VERSIONS), "default": swagger.DEFAULT},
    }
    document = {"type": "object"}
    return {
        "/health/live": _get(
            "live", "Whether the process answers", {"200": _answer("Yes.", alive)}
        ),
        "/health/ready": _get(
            "ready",
            "Whether the model can answer, and what it depends on",
            {
                "200": _answer("It can; where the cache is away, more slowly.", ready),
                "503": _answer("It is loading, or failed to load.", ready),
            },
        ),
        "/openapi.json": _get(
            "openapi", "This document", {"200": _answer("OpenAPI 3.1.", document)}
        ),
        "/swagger.json": _get(
            "swagger",
            "The document that clients of Azure Machine Learning read",
            {
                "200": _answer("Swagger 2.0, or OpenAPI 3.0 or 3.1.", document),
                **refusals.responses([UNKNOWN_VERSION]),
            },
            version,
        ),
        "/console": _get(
            "console",
            "A page to try the model",
            {"200": {"description": "HTML.", "content": {"text/html": {"schema": _TEXT}}}},
        ),
    }


def _get(
    name: str, summary: str, responses: dict[str, Any], *parameters: dict[str, Any]
) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": name,
        "summary": summary,
        "security": [],
        "parameters": list(parameters),
        "responses": responses | refusals.CROWDED,
    }
    return {"get": operation}


def _answer(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {media_types.JSON: {"schema": schema}}}
