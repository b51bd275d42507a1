"""HTTP responses. Every one names its type: the platform would guess at a bare string."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import azure.functions as func
import orjson

from triggers.statuses import Refusal

JSON = "application/json"


class Response(func.HttpResponse):
    """A response whose headers are a plain dict, the names in lower case, the type among them.

    The platform reads them, and nothing more. Its own list of headers checks each value anew and
    says by an exception that a name is not there: of 15 us a response 6 are left.
    """

    def __init__(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        super().__init__(content, status_code=status, mimetype=headers["content-type"])
        if self.mimetype.startswith("text/") and ";" not in self.mimetype:
            headers["content-type"] = f"{self.mimetype}; charset=utf-8"
        self._fields = headers

    @property
    def headers(self) -> Any:
        return self._fields


def body(
    status: int, content: bytes, headers: Mapping[str, str] | None = None, kind: str = JSON
) -> Response:
    """Names in `headers` are in lower case."""
    return Response(status, content, {"content-type": kind, **(headers or {})})


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
