"""`swagger.json`, for clients of Azure Machine Learning's server.

It has that server's names: operations RunMLService, ServiceHealthCheck and GetSwaggerSpec, schemas
ServiceInput and ServiceOutput with the examples of the script's decorators. Addresses, keys and
errors are this app's own.
"""

from __future__ import annotations

from typing import Any

from inference.models import ModelId
from inference.rows import media_types
from inference.scripts.inference_schema import DeclaredSchema

#: The versions by what callers write.
VERSIONS = {"2": "2.0", "2.0": "2.0", "3": "3.0", "3.0": "3.0", "3.1": "3.1"}
DEFAULT = "2"
_LISTED = ("2", "3", "3.1")

_FORMATS: dict[str, dict[str, Any]] = {
    "2.0": {
        "swagger": "2.0",
        "schemes": ["https", "http"],
        "consumes": [media_types.JSON],
        "produces": [media_types.JSON],
    },
    "3.0": {"openapi": "3.0.3"},
    "3.1": {"openapi": "3.1.0"},
}
_KEY: dict[str, Any] = {"type": "apiKey", "in": "header", "name": "x-functions-key"}
_ERROR: dict[str, Any] = {
    "type": "object",
    "properties": {
        "error": {
            "type": "object",
            "properties": {"code": {"type": "string"}, "message": {"type": "string"}},
        }
    },
}


class UnknownVersion(Exception):
    """There is no such version, or the script's declarations can't be written in it."""


def version_of(asked: str, declared: DeclaredSchema) -> str:
    """One of the values of VERSIONS. Raises UnknownVersion, with the text of Azure ML's server."""
    version = VERSIONS.get(asked)
    if version in declared.versions:
        return version
    known = ", ".join(each for each in _LISTED if VERSIONS[each] in declared.versions)
    if version is None:
        raise UnknownVersion(
            f"Swagger version [{asked[:20]}] is not valid. Supported versions: [{known}]."
        )
    raise UnknownVersion(
        f"Swagger version [{asked}] is not supported for the scoring script."
        f" Supported swagger versions: [{known}]."
    )


def document(
    version: str, model: ModelId, declared: DeclaredSchema, *, prefix: str, key: bool
) -> dict[str, Any]:
    """`version` is one of the values of VERSIONS. `key`: whether scoring needs a key."""
    return _Writer(version).document(model, declared, prefix=prefix, key=key)


class _Writer:
    """Writes the document in one version."""

    def __init__(self, version: str) -> None:
        self._version = version
        self._old = version == "2.0"

    def document(
        self, model: ModelId, declared: DeclaredSchema, *, prefix: str, key: bool
    ) -> dict[str, Any]:
        schemas = {
            "ServiceInput": declared.input,
            "ServiceOutput": declared.output,
            "ErrorResponse": _ERROR,
        }
        keys = {"Key": _KEY} if key else {}
        parts: dict[str, Any]
        if self._old:
            parts = {"basePath": prefix or "/", "definitions": schemas, "securityDefinitions": keys}
        else:
            parts = {
                "servers": [{"url": prefix or "/"}],
                "components": {"schemas": schemas, "securitySchemes": keys},
            }
        return {
            **_FORMATS[self._version],
            "info": {"title": model.name, "version": model.version},
            **parts,
            "security": [{name: []} for name in keys],
            "paths": self._paths(),
        }

    def _paths(self) -> dict[str, Any]:
        asked = {"name": "version", "in": "query", **self._typed({"type": "string"})}
        return {
            "/score": {
                "post": self._operation(
                    "RunMLService", "Score an input", self._named("ServiceOutput"), **self._taken()
                )
            },
            "/health/live": {
                "get": self._operation(
                    "ServiceHealthCheck",
                    "Whether the service is up",
                    self._body({"type": "object"}),
                    security=[],
                )
            },
            "/swagger.json": {
                "get": self._operation(
                    "GetSwaggerSpec",
                    "This document, in one of its versions",
                    self._body({"type": "object"}),
                    security=[],
                    parameters=[asked],
                )
            },
        }

    def _operation(
        self, name: str, description: str, answer: dict[str, Any], **more: Any
    ) -> dict[str, Any]:
        failed = {"description": "It failed.", **self._named("ErrorResponse")}
        responses = {"200": {"description": "It succeeded.", **answer}, "default": failed}
        return {"operationId": name, "description": description, "responses": responses, **more}

    def _taken(self) -> dict[str, Any]:
        body = {"required": True, **self._named("ServiceInput")}
        if not self._old:
            return {"requestBody": body}
        return {"parameters": [{"name": "serviceInputPayload", "in": "body", **body}]}

    def _named(self, name: str) -> dict[str, Any]:
        place = "#/definitions/" if self._old else "#/components/schemas/"
        return self._body({"$ref": place + name})

    def _body(self, schema: dict[str, Any]) -> dict[str, Any]:
        return (
            {"schema": schema} if self._old else {"content": {media_types.JSON: {"schema": schema}}}
        )

    def _typed(self, schema: dict[str, Any]) -> dict[str, Any]:
        return schema if self._old else {"schema": schema}
