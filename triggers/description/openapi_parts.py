"""Parts that the OpenAPI document is built of: schemas, responses, parameters, operations."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from inference.rows import media_types

type Json = dict[str, Any]

TEXT: Json = {"type": "string"}
#: The answer of the platform itself to requests above the limit of host.json.
TOO_MANY = {"429": {"description": "More requests at once than host.json allows. No body."}}


def enum(values: Iterable[str]) -> Json:
    return {"enum": list(values)}


def record(*required: str, **properties: Json) -> Json:
    """The schema of an object."""
    schema = {"type": "object", "properties": properties}
    return schema | {"required": list(required)} if required else schema


def ref(name: str) -> Json:
    """A reference to a schema of the document."""
    return {"$ref": f"#/components/schemas/{name}"}


def response(description: str, schema: Json, kind: str = media_types.JSON) -> Json:
    return {"description": description, "content": {kind: {"schema": schema}}}


def path_parameter(name: str, schema: Json, **more: Any) -> Json:
    return {"name": name, "in": "path", "required": True, "schema": schema, **more}


def operation(name: str, summary: str, responses: Json, **more: Any) -> Json:
    return {
        "operationId": name,
        "summary": summary,
        "responses": responses | TOO_MANY,
        **more,
    }


def open_get(name: str, summary: str, responses: Json, **more: Any) -> Json:
    """The path item of a GET that needs no key."""
    return {"get": operation(name, summary, responses, security=[], **more)}
