"""The routes of the Open Inference Protocol (V2) in OpenAPI."""

from __future__ import annotations

from typing import Any

from inference.open_inference.answering import OCTETS
from inference.open_inference.inference_request import HEADER_LENGTH
from inference.open_inference.tensors import DATATYPES
from inference.rows import media_types
from triggers.description import openapi_headers as headers
from triggers.description import openapi_refusals as refusals
from triggers.description.openapi_parts import (
    TEXT,
    Json,
    enum,
    open_get,
    operation,
    path_parameter,
    record,
    response,
)
from triggers.statuses import ID_TOO_LONG, Refusal

_UNKNOWN = Refusal(404, "unknown_model", "Another model, or another version, than the one here.")
_NO_TENSORS = Refusal(501, "no_tensors", "An entry script takes no tensors: POST to score instead.")

_OBJECT: Json = {"type": "object"}
_SIZE: Json = {"type": "integer", "minimum": 0}
_TENSOR = record(
    *("name", "datatype", "shape"),
    name=TEXT,
    datatype=enum(DATATYPES),
    shape={"type": "array", "minItems": 1, "maxItems": 2, "items": _SIZE},
    parameters=_OBJECT,
    data={"type": "array"},
)
_TENSORS: Json = {"type": "array", "items": _TENSOR}
_READY = response("The answer.", record("ready", ready={"type": "boolean"}, name=TEXT))
_ANSWER = {"200": response("The answer.", _OBJECT)}
_READINESS = {"200": _READY, "503": _READY}


def paths(model: str) -> Json:
    """Path items. `model` is the name of the only model."""
    name = path_parameter("name", {"const": model})
    version = path_parameter("version", TEXT)
    return {
        "/v2": open_get("v2", "The server and its extensions", _ANSWER),
        "/v2/health/live": open_get("v2Live", "Whether the process answers", _ANSWER),
        "/v2/health/ready": open_get("v2Ready", "Whether the model can answer", _READINESS),
        **_model_paths("/v2/models/{name}", "v2Model", [name]),
        **_model_paths("/v2/models/{name}/versions/{version}", "v2Version", [name, version]),
    }


def _model_paths(path: str, name: str, parameters: list[Json]) -> Json:
    metadata = _ANSWER | _refused(*refusals.SCORING, ID_TOO_LONG, _UNKNOWN)
    ready = _READINESS | _refused(_UNKNOWN)
    items = {
        path: open_get(name, "The tensors that the model takes and gives", metadata),
        f"{path}/ready": open_get(f"{name}Ready", "Whether the model can answer", ready),
        f"{path}/infer": {"post": _infer(f"{name}Infer")},
    }
    return {route: item | {"parameters": parameters} for route, item in items.items()}


def _infer(name: str) -> Json:
    answered = {
        "description": "The answer.",
        "headers": headers.answers(headers.ANSWERED),
        "content": _tensors("outputs"),
    }
    refused = _refused(*refusals.SCORING, ID_TOO_LONG, _UNKNOWN, _NO_TENSORS)
    length = {"name": HEADER_LENGTH, "in": "header", "schema": _SIZE}
    return operation(
        name,
        "Score tensors, as JSON or as bytes after the JSON",
        {"200": answered, **refused},
        parameters=[*headers.requests(queued=False), headers.encoding(), length],
        requestBody={"required": True, "content": _tensors("inputs")},
    )


def _tensors(name: str) -> Json:
    schema = record(name, **{name: _TENSORS})
    return {media_types.JSON: {"schema": schema}, OCTETS: {}}


def _refused(*refused: Refusal) -> dict[str, Any]:
    """As on the score route, except the body: the protocol has one sentence."""
    body = {"content": {media_types.JSON: {"schema": record("error", error=TEXT)}}}
    return {status: each | body for status, each in refusals.responses(refused).items()}
