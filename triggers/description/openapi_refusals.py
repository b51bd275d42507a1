"""Refusals as OpenAPI responses, told by the error table alone."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

from inference import errors
from inference.rows import media_types
from triggers.statuses import STATUSES, Refusal, refusal_of

#: Where the document keeps what others refer to.
HEADERS = "#/components/headers/"
REF = "#/components/schemas/Error"
#: That a refusal may carry, by status.
_HEADERS = {500: "x-ms-run-function-failed", 503: "Retry-After"}

#: The one shape of triggers.responses.
ERROR: dict[str, Any] = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "request_id"],
            "properties": {
                "code": {"type": "string"},
                "message": {"type": "string"},
                "request_id": {"type": ["string", "null"]},
            },
        }
    },
}

#: All that scoring can end in, in the order of the tree.
SCORING = tuple(refusal_of(kind) for kind in STATUSES)
OVERLOADED = refusal_of(errors.Overloaded)
INTERNAL = refusal_of(errors.InternalError)

#: The platform's own answers, which have no body.
UNAUTHORIZED = {"401": {"description": "No key, or a wrong one. No body."}}
CROWDED = {"429": {"description": "More requests at once than host.json allows. No body."}}


def responses(refusals: Iterable[Refusal]) -> dict[str, Any]:
    """One response a status, with every code that it can have."""
    by_status = itertools.groupby(sorted(refusals, key=_status), _status)
    return {str(status): _response(status, list(each)) for status, each in by_status}


def _status(refusal: Refusal) -> int:
    return refusal.status


def _response(status: int, refusals: list[Refusal]) -> dict[str, Any]:
    codes = {"code": {"enum": [each.code for each in refusals]}}
    schema = {"allOf": [{"$ref": REF}, {"properties": {"error": {"properties": codes}}}]}
    content = {"schema": schema, "examples": {each.code: _example(each) for each in refusals}}
    response: dict[str, Any] = {
        "description": " ".join(each.description for each in refusals),
        "content": {media_types.JSON: content},
    }
    if status in _HEADERS:
        response["headers"] = {_HEADERS[status]: {"$ref": f"{HEADERS}{_HEADERS[status]}"}}
    return response


def _example(refusal: Refusal) -> dict[str, Any]:
    told = {"code": refusal.code, "message": refusal.description, "request_id": "7f3c"}
    return {"summary": refusal.description, "value": {"error": told}}
