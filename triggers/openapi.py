"""The OpenAPI document: routes, types and statuses. What the model takes comes in a later issue."""

from __future__ import annotations

from typing import Any

from inference import media_types
from inference.models import ModelId

ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "request_id"],
            "properties": {
                "code": {"type": "string"},
                "message": {"type": "string"},
                "request_id": {"type": ["string", "null"]},
            },
        }
    },
}
REFUSALS = {
    "400": "The body is not what its content type says it is",
    "406": "None of the accepted formats can carry the answer",
    "409": "The id names another request",
    "413": "Over a limit on bytes or rows",
    "415": "A content type nobody here reads",
    "422": "Well-formed, but not what the model takes",
    "431": "An id of more than 100 characters",
    "500": "The model or its script raised",
    "503": "Too much is waiting, or the model is not loaded",
    "504": "No answer within SCORING_TIMEOUT_S",
}


def document(model: ModelId) -> dict[str, Any]:
    """OpenAPI 3.1, paths relative to the document's own address."""
    return {
        "openapi": "3.1.0",
        "info": {"title": f"Triscore: {model.name}", "version": model.version},
        "servers": [{"url": "."}],
        "paths": {
            "/score": {"post": _score(), "get": _score_arguments()},
            "/results/{id}": {"get": _result()},
            "/health/live": {"get": _plain("live", "The process answers")},
            "/health/ready": {"get": _plain("ready", "The model has answered once", "503")},
        },
        "components": {"schemas": {"Error": ERROR}},
    }


def _score() -> dict[str, Any]:
    formats: dict[str, Any] = {form: {} for form in media_types.FORMATS}
    rows = {"type": "array", "items": {"type": "array", "items": {"type": ["number", "null"]}}}
    formats[media_types.JSON] = {
        "schema": {"type": "object", "required": ["data"], "properties": {"data": rows}}
    }
    answers: dict[str, Any] = {form: {} for form in media_types.FORMATS}
    return {
        "operationId": "score",
        "summary": "Score rows; with Prefer: respond-async, enqueue them",
        "requestBody": {"required": True, "content": formats},
        "responses": {
            "200": {"description": "One prediction a row, in order", "content": answers},
            "202": {"description": "Enqueued; Location names the result"},
            **{status: _refusal(text) for status, text in REFUSALS.items()},
        },
    }


def _score_arguments() -> dict[str, Any]:
    return {
        "operationId": "scoreArguments",
        "summary": "Score query arguments, where the model's own script takes them",
        "responses": {
            "200": {"description": "What the script answered", "content": {media_types.JSON: {}}},
            **{status: _refusal(text) for status, text in REFUSALS.items()},
        },
    }


def _result() -> dict[str, Any]:
    return {
        "operationId": "result",
        "summary": "The result document of an asynchronous request, a blob or a message",
        "parameters": [
            {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
        ],
        "responses": {
            "200": {"description": "Finished", "content": {media_types.JSON: {}}},
            "202": {"description": "Pending"},
            "404": _refusal("Unknown or expired"),
            "503": _refusal("The cache can't be reached"),
        },
    }


def _plain(name: str, summary: str, *more: str) -> dict[str, Any]:
    return {
        "operationId": name,
        "summary": summary,
        "responses": {status: {"description": summary} for status in ("200", *more)},
    }


def _refusal(description: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Error"}
    return {"description": description, "content": {media_types.JSON: {"schema": schema}}}
