"""The score route in OpenAPI: the bodies of the model or the script, and every status."""

from __future__ import annotations

from collections.abc import Mapping

from inference.description.interface import ANY, Content, Interface
from inference.output_choice import PARAMETER
from inference.rows import media_types
from triggers.description import openapi_headers as headers
from triggers.description import openapi_refusals as refusals
from triggers.description.openapi_operations import PENDING
from triggers.description.openapi_parts import Json, operation, response
from triggers.statuses import ID_IN_USE, ID_TOO_LONG


def path(interface: Interface, *, queued: bool) -> Json:
    """POST and GET. `queued`: whether a request may be enqueued."""
    responses = _responses(interface, queued=queued)
    return {
        "parameters": headers.requests(queued=queued),
        "post": operation(
            "score",
            "Score a body",
            responses,
            description="`Accept` chooses among the types of the answer.",
            parameters=[] if interface.scripted else [headers.encoding(), _output(interface)],
            requestBody={"required": True, "content": _contents(interface.reads)},
        ),
        "get": operation(
            "scoreArguments",
            "Score query arguments, if an entry script takes them",
            responses,
            parameters=_arguments(interface),
        ),
    }


def _responses(interface: Interface, *, queued: bool) -> Json:
    responses: Json = {
        "200": {
            "description": "The answer. A model's has one item a row, in order.",
            "headers": headers.answers(headers.ANSWERED),
            "content": _contents(interface.answers),
        }
    }
    refused = [*refusals.SCORING, ID_TOO_LONG]
    if queued:
        refused.append(ID_IN_USE)
        responses["202"] = response("Enqueued.", PENDING) | {
            "headers": headers.answers(headers.ACCEPTED),
            "links": {
                "result": {"operationId": "result", "parameters": {"id": "$response.body#/id"}}
            },
        }
    responses |= refusals.responses(refused)
    if interface.scripted:
        responses["default"] = {"description": "A response that the entry script made itself."}
    return responses


def _contents(contents: Mapping[str, Content]) -> Json:
    return {kind: _content(content) for kind, content in contents.items()}


def _content(content: Content) -> Json:
    media: Json = {"schema": content.schema} if content.schema else {}
    if content.examples:
        media["examples"] = {name: {"value": value} for name, value in content.examples.items()}
    return media


def _output(interface: Interface) -> Json:
    return {
        "name": PARAMETER,
        "in": "query",
        "description": "`probabilities`: the labels with the probability of each class. A format"
        " other than JSON has a column for each class.",
        "schema": {"enum": list(interface.outputs), "default": interface.outputs[0]},
    }


def _arguments(interface: Interface) -> list[Json]:
    """Each is read as JSON if it is JSON, else as text. A model takes none."""
    if not interface.scripted:
        return []
    if ANY in interface.reads:
        return [{"name": "arguments", "in": "query", "schema": {"type": "object"}}]
    schema = interface.reads[media_types.JSON].schema
    return [
        {
            "name": name,
            "in": "query",
            "required": name in schema["required"],
            "content": {media_types.JSON: {"schema": each}},
        }
        for name, each in schema["properties"].items()
    ]
