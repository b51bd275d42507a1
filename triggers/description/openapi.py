"""The OpenAPI document with every route of the app.

Bodies come from inference.description.interface, statuses and codes from the table of errors, and
values from the types that name them. While no model is loaded, its part alone is missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from inference.description.interface import Interface
from inference.models import ModelId
from triggers.description import openapi_console, openapi_score
from triggers.description import openapi_headers as headers
from triggers.description import openapi_operations as operations
from triggers.description import openapi_refusals as refusals
from triggers.description.openapi_parts import Json
from triggers.settings import TriggerSettings

#: The two ways to send a key, if one is needed.
KEYS: Json = {
    "header": {"type": "apiKey", "in": "header", "name": "x-functions-key"},
    "query": {"type": "apiKey", "in": "query", "name": "code"},
}


def document(
    model: ModelId,
    interface: Interface,
    settings: TriggerSettings,
    *,
    prefix: str,
    more: Mapping[str, Any],
) -> Json:
    """OpenAPI 3.1. `prefix` precedes all paths. `more`: path items of other routes."""
    paths = {
        "/score": openapi_score.path(interface, queued="servicebus" in settings.triggers),
        "/results/{id}": operations.results(),
        "/metrics": operations.metrics(),
        **operations.without_key(),
        **more,
        **(openapi_console.paths(files="blob" in settings.triggers) if settings.console else {}),
    }
    components: Json = {
        "headers": headers.ANSWERS,
        "schemas": {
            "Error": refusals.ERROR,
            "Result": operations.RESULT,
            "Health": operations.HEALTH,
            **interface.components,
        },
    }
    whole: Json = {
        "openapi": "3.1.0",
        "info": {"title": f"Triscore: {model.name}", "version": model.version},
        "servers": [{"url": prefix or "/"}],
        "paths": paths,
        "components": components,
    }
    if settings.http_auth_level == "anonymous":
        return whole
    components["securitySchemes"] = KEYS
    whole["paths"] = {route: _with_key(item) for route, item in paths.items()}
    return whole | {"security": [{name: []} for name in KEYS]}


def _with_key(item: Mapping[str, Any]) -> Json:
    """A path item, with the response to a wrong key in each operation that needs a key."""
    return {
        method: operation | {"responses": operation["responses"] | refusals.UNAUTHORIZED}
        if isinstance(operation, dict) and "security" not in operation
        else operation
        for method, operation in item.items()
    }
