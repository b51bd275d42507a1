"""Refusals as OpenAPI responses, built from the table of errors alone."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from operator import attrgetter

from inference import errors
from inference.rows import media_types
from triggers.description.openapi_parts import TEXT, Json, enum, record, ref
from triggers.statuses import OF_DOCUMENTS, STATUSES, Refusal, refusal_of

#: Headers that refusals may have, by status.
_HEADERS = {500: "x-ms-run-function-failed", 503: "Retry-After"}

#: The shape of triggers.responses.error.
ERROR = record(
    "error",
    error=record(
        *("code", "message", "request_id"),
        code=TEXT,
        message=TEXT,
        request_id={"type": ["string", "null"]},
    ),
)

#: All errors of scoring a request, in the order of their tree.
SCORING = tuple(refusal_of(kind) for kind in STATUSES if kind not in OF_DOCUMENTS)
OVERLOADED = refusal_of(errors.Overloaded)
INTERNAL = refusal_of(errors.InternalError)

#: The platform's own answer, without a body.
UNAUTHORIZED = {"401": {"description": "No key, or a wrong one. No body."}}


def responses(refusals: Iterable[Refusal]) -> Json:
    """One response a status, with all of its codes."""
    status = attrgetter("status")
    grouped = itertools.groupby(sorted(refusals, key=status), status)
    return {str(status): _response(status, list(each)) for status, each in grouped}


def _response(status: int, refusals: list[Refusal]) -> Json:
    code = enum(each.code for each in refusals)
    error = {"properties": {"error": {"properties": {"code": code}}}}
    content = {
        "schema": {"allOf": [ref("Error"), error]},
        "examples": {each.code: _example(each) for each in refusals},
    }
    response: Json = {
        "description": " ".join(each.description for each in refusals),
        "content": {media_types.JSON: content},
    }
    if header := _HEADERS.get(status):
        response["headers"] = {header: {"$ref": f"#/components/headers/{header}"}}
    return response


def _example(refusal: Refusal) -> Json:
    error = {"code": refusal.code, "message": refusal.description, "request_id": "7f3c"}
    return {"summary": refusal.description, "value": {"error": error}}
