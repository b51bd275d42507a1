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
    says by an exception that a name is not there: of 15 us a response 4 are left.
    """

    def __init__(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        # The library's own attributes stay unset: all that reads them is replaced below.
        self._status, self._content, self._fields = status, content, headers
        kind = headers["content-type"]
        if kind.startswith("text/") and ";" not in kind:
            headers["content-type"] = f"{kind}; charset=utf-8"

    @property
    def status_code(self) -> int:
        return self._status

    @property
    def headers(self) -> Any:
        return self._fields

    @property
    def mimetype(self) -> str:
        return self._fields["content-type"].partition(";")[0]

    @property
    def charset(self) -> str:
        return "utf-8"

    def get_body(self) -> bytes:
        return self._content


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
    """A refusal of a trigger's own, with its description where nothing more is to be said."""
    return error(refused.status, refused.code, message or refused.description, request_id)
