"""The OpenAPI document: every route of the app, made from what the app itself goes by.

Bodies come from inference.description.interface, statuses and codes from the error table, values
from the types that name them. As long as no model is loaded, its part alone is missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from inference.description.interface import Interface
from inference.models import ModelId
from triggers.description import openapi_headers as headers
from triggers.description import openapi_operations as operations
from triggers.description import openapi_refusals as refusals
from triggers.description import openapi_score
from triggers.settings import TriggerSettings

#: How a caller shows a key, where one is asked for.
KEYS: dict[str, Any] = {
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
) -> dict[str, Any]:
    """OpenAPI 3.1. `prefix`: what stands before the paths. `more`: path items of other routes."""
    paths = {
        "/score": openapi_score.path(interface, queued="servicebus" in settings.triggers),
        "/results/{id}": operations.results(),
        "/metrics": operations.metrics(),
        **operations.open_to_all(),
        **more,
    }
    components: dict[str, Any] = {
        "headers": headers.ANSWERS,
        "schemas": {
            "Error": refusals.ERROR,
            "Result": operations.RESULT,
            "Health": operations.HEALTH,
            **interface.components,
        },
    }
    whole: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": f"Triscore: {model.name}", "version": model.version},
        "servers": [{"url": prefix or "/"}],
        "paths": paths,
        "components": components,
    }
    if settings.http_auth_level == "anonymous":
        return whole
    components["securitySchemes"] = KEYS
    whole["paths"] = {route: _guarded(item) for route, item in paths.items()}
    return whole | {"security": [{name: []} for name in KEYS]}


def _guarded(item: Mapping[str, Any]) -> dict[str, Any]:
    """A path item with the answer to a wrong key in each operation that asks for one."""
    return {
        method: operation | {"responses": operation["responses"] | refusals.UNAUTHORIZED}
        if isinstance(operation, dict) and "security" not in operation
        else operation
        for method, operation in item.items()
    }
