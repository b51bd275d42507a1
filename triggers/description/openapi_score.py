"""The score route in OpenAPI: bodies as the model or the script has them, and every status."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from inference.description.interface import ANY, Content, Interface
from inference.rows import media_types
from triggers.description import openapi_headers as headers
from triggers.description import openapi_refusals as refusals
from triggers.description.openapi_operations import PENDING
from triggers.statuses import ID_IN_USE, ID_TOO_LONG

#: Where the answer to an enqueued request is found.
_RESULT = {"operationId": "result", "parameters": {"id": "$response.body#/id"}}


def path(interface: Interface, *, queued: bool) -> dict[str, Any]:
    """POST and GET. `queued`: whether a request may be enqueued."""
    responses = _responses(interface, queued=queued)
    return {
        "parameters": headers.requests(queued=queued),
        "post": {
            "operationId": "score",
            "summary": "Score a body",
            "description": "`Accept` chooses among the types of the answer.",
            "parameters": [] if interface.scripted else [headers.encoding()],
            "requestBody": {"required": True, "content": _contents(interface.reads)},
            "responses": responses,
        },
        "get": {
            "operationId": "scoreArguments",
            "summary": "Score query arguments, where an entry script takes them",
            "parameters": _arguments(interface),
            "responses": responses,
        },
    }


def _responses(interface: Interface, *, queued: bool) -> dict[str, Any]:
    told: dict[str, Any] = {
        "200": {
            "description": "The answer; a model's has one item a row, in order.",
            "headers": headers.answers(headers.ANSWERED),
            "content": _contents(interface.answers),
        }
    }
    refused = [*refusals.SCORING, ID_TOO_LONG]
    if queued:
        refused.append(ID_IN_USE)
        told["202"] = {
            "description": "Enqueued.",
            "headers": headers.answers(headers.ACCEPTED),
            "content": {media_types.JSON: {"schema": PENDING}},
            "links": {"result": _RESULT},
        }
    told |= refusals.responses(refused) | refusals.CROWDED
    if interface.scripted:
        told["default"] = {"description": "A response that the entry script made itself."}
    return told


def _contents(contents: Mapping[str, Content]) -> dict[str, Any]:
    return {kind: _content(content) for kind, content in contents.items()}


def _content(content: Content) -> dict[str, Any]:
    told: dict[str, Any] = {"schema": content.schema} if content.schema else {}
    if content.examples:
        told["examples"] = {name: {"value": value} for name, value in content.examples.items()}
    return told


def _arguments(interface: Interface) -> list[dict[str, Any]]:
    """Each is read as the JSON that it is, else as text. A model takes none."""
    if not interface.scripted:
        return []
    if ANY in interface.reads:
        return [{"name": "arguments", "in": "query", "schema": {"type": "object"}}]
    declared = interface.reads[media_types.JSON].schema
    return [
        {
            "name": name,
            "in": "query",
            "required": name in declared["required"],
            "content": {media_types.JSON: {"schema": schema}},
        }
        for name, schema in declared["properties"].items()
    ]
