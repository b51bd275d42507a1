"""HTTP responses. Every one names its type: the platform would guess at a bare string."""

from __future__ import annotations

from collections.abc import Mapping

import azure.functions as func
import orjson

from triggers.statuses import Refusal

JSON = "application/json"


def body(
    status: int, content: bytes, headers: Mapping[str, str] | None = None, kind: str = JSON
) -> func.HttpResponse:
    """`kind` with parameters of its own stands as it is: the platform would add another charset."""
    every = dict(headers or {})
    if ";" in kind:
        every["content-type"] = kind
    return func.HttpResponse(
        content, status_code=status, headers=every, mimetype=kind, charset="utf-8"
    )


def json(
    status: int, document: object, headers: Mapping[str, str] | None = None
) -> func.HttpResponse:
    return body(status, orjson.dumps(document), headers)


def error(
    status: int,
    code: str,
    message: str,
    request_id: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> func.HttpResponse:
    """The one shape that every refusal has."""
    document = {"code": code, "message": message, "request_id": request_id}
    return json(status, {"error": document}, headers)


def refusal(
    refused: Refusal, message: str | None = None, request_id: str | None = None
) -> func.HttpResponse:
    """A refusal of a door's own, with its description where nothing more is to be said."""
    return error(refused.status, refused.code, message or refused.description, request_id)
