"""The routes of the Open Inference Protocol (V2) in OpenAPI."""

from __future__ import annotations

from typing import Any

from inference.open_inference.answering import OCTETS
from inference.open_inference.inference_request import HEADER_LENGTH
from inference.open_inference.tensors import DATATYPES
from inference.rows import media_types
from triggers.description import openapi_headers as headers
from triggers.description import openapi_refusals as refusals
from triggers.statuses import ID_TOO_LONG, Refusal

_UNKNOWN = Refusal(404, "unknown_model", "Another model, or another version, than the one here.")
_NO_TENSORS = Refusal(501, "no_tensors", "An entry script takes no tensors: POST to score instead.")

_TEXT: dict[str, Any] = {"type": "string"}
_ERROR: dict[str, Any] = {
    "type": "object",
    "required": ["error"],
    "properties": {"error": _TEXT},
}
_TENSOR: dict[str, Any] = {
    "type": "object",
    "required": ["name", "datatype", "shape"],
    "properties": {
        "name": _TEXT,
        "datatype": {"enum": list(DATATYPES)},
        "shape": {
            "type": "array",
            "minItems": 1,
            "maxItems": 2,
            "items": {"type": "integer", "minimum": 0},
        },
        "parameters": {"type": "object"},
        "data": {"type": "array"},
    },
}
_TENSORS: dict[str, Any] = {"type": "array", "items": _TENSOR}
_OBJECT: dict[str, Any] = {"type": "object"}
_READY: dict[str, Any] = {
    "type": "object",
    "required": ["ready"],
    "properties": {"ready": {"type": "boolean"}, "name": _TEXT},
}


def paths(model: str) -> dict[str, Any]:
    """Path items. `model`: the name of the only one there is."""
    name = _parameter("name", {"const": model})
    version = _parameter("version", _TEXT)
    return {
        "/v2": _get("v2", "What serves", {"200": _answer(_OBJECT)}),
        "/v2/health/live": _get("v2Live", "Whether the process answers", {"200": _answer(_OBJECT)}),
        "/v2/health/ready": _get("v2Ready", "Whether the model can answer", _readiness()),
        **_of_model("/v2/models/{name}", "v2Model", [name]),
        **_of_model("/v2/models/{name}/versions/{version}", "v2Version", [name, version]),
    }


def _of_model(path: str, name: str, parameters: list[dict[str, Any]]) -> dict[str, Any]:
    unknown = _refused([_UNKNOWN])
    described = {
        "200": _answer(_OBJECT),
        **_refused([*refusals.SCORING, ID_TOO_LONG, _UNKNOWN]),
    }
    items = {
        path: _get(name, "The tensors that the model takes and gives", described),
        f"{path}/ready": _get(
            f"{name}Ready", "Whether the model can answer", _readiness() | unknown
        ),
        f"{path}/infer": {"post": _infer(f"{name}Infer")},
    }
    return {route: item | {"parameters": parameters} for route, item in items.items()}


def _infer(name: str) -> dict[str, Any]:
    asked = {"type": "object", "required": ["inputs"], "properties": {"inputs": _TENSORS}}
    given = {"type": "object", "required": ["outputs"], "properties": {"outputs": _TENSORS}}
    length = {"name": HEADER_LENGTH, "in": "header", "schema": {"type": "integer", "minimum": 0}}
    return {
        "operationId": name,
        "summary": "Score tensors, in JSON or with bytes that follow it",
        "parameters": [*headers.requests(queued=False), headers.encoding(), length],
        "requestBody": {"required": True, "content": _contents(asked)},
        "responses": {
            "200": {
                "description": "The answer.",
                "headers": headers.answers(headers.ANSWERED),
                "content": _contents(given),
            },
            **_refused([*refusals.SCORING, ID_TOO_LONG, _UNKNOWN, _NO_TENSORS]),
            **refusals.CROWDED,
        },
    }


def _contents(schema: dict[str, Any]) -> dict[str, Any]:
    """In JSON, or with the bytes of its tensors after it."""
    return {media_types.JSON: {"schema": schema}, OCTETS: {}}


def _get(name: str, summary: str, responses: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": name,
        "summary": summary,
        "security": [],
        "responses": responses | refusals.CROWDED,
    }
    return {"get": operation}


def _parameter(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _readiness() -> dict[str, Any]:
    return {"200": _answer(_READY), "503": _answer(_READY)}


def _answer(schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": "The answer.", "content": {media_types.JSON: {"schema": schema}}}


def _refused(refused: list[Refusal]) -> dict[str, Any]:
    """As on the score route, but for the body: the protocol has but a sentence."""
    content = {"content": {media_types.JSON: {"schema": _ERROR}}}
    return {status: told | content for status, told in refusals.responses(refused).items()}
