"""Packs a request of HTTP into a message of the input queue, for a caller who does not wait.

The whole request is in the body. The JSON may have been written anew, with indentation: output
bindings did so, which earlier releases sent with.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType

import orjson

from inference.errors import InputTooLarge, MalformedInput
from inference.request import Request
from triggers.statuses import MAX_ID

MARK = "triscore_request"
#: The broker's limit for a message is 256 KiB. The rest is for its own headers.
MAX_BYTES = 250_000
#: Of a message that was written anew: what the broker takes.
_MOST_BYTES = 256 * 1024
#: Headers that are packed, for scripts that read them: those about the formats of the body and the
#: answer, and those that name the request in logs and traces. Others read the queue too, so any
#: header that may hold a credential stays out.
HEADERS = frozenset(
    {
        *("accept", "accept-charset", "accept-language"),
        *("content-encoding", "content-language", "content-type", "prefer"),
        *("traceparent", "tracestate", "x-correlation-id"),
        *("x-ms-client-request-id", "x-request-id"),
    }
)
#: The prefix of a caller's own headers, which are packed. Blobs' metadata has the same names.
OWN_HEADERS = "x-ms-meta-"
#: Headers that carry a trace.
TRACE_HEADERS = frozenset({"traceparent", "tracestate", "baggage"})
NO_TRACE: Mapping[str, str] = MappingProxyType({})


def pack(request: Request, trace: Mapping[str, str] = NO_TRACE) -> str:
    """A request as one message. Raises InputTooLarge, and MalformedInput for invalid text.

    `trace`: headers of the span that sends it, which replace those of the request.
    """
    headers = {
        name: value
        for name, value in request.headers.items()
        if name in HEADERS or name.startswith(OWN_HEADERS)
    }
    if trace:
        headers = {name: headers[name] for name in headers.keys() - TRACE_HEADERS} | dict(trace)
    contents = {
        MARK: 1,
        "id": request.id,
        "content_type": request.content_type,
        "recompute": request.recompute,
        "method": request.method,
        "query": request.query,
        "headers": headers,
        "received_at": datetime.fromtimestamp(request.received_at, UTC).isoformat(),
        "body": base64.b64encode(request.body).decode(),
    }
    try:
        message = orjson.dumps(contents).decode()
    except TypeError as error:
        raise MalformedInput("the id, the query or a header is not UTF-8") from error
    if len(message) > MAX_BYTES:
        raise InputTooLarge(
            size=len(request.body),
            limit=MAX_BYTES * 3 // 4,
            unit="bytes",
            setting="the queue's limit; upload a blob instead",
        )
    return message


def unpack(body: bytes) -> Request | None:
    """The request in a message of `pack`; None for any other message."""
    if len(body) > _MOST_BYTES or not body.startswith(b"{") or MARK.encode() not in body[:100]:
        return None  # a longer body would be parsed while others wait, and `pack` makes none
    try:
        packed = orjson.loads(body)
        name = packed["id"]
        if not isinstance(name, str) or not 0 < len(name) <= MAX_ID:
            return None  # HTTP accepts no such id
        received_at = datetime.fromisoformat(packed["received_at"]).timestamp()
        # Raise here if it is out of range, not where it is formatted again.
        datetime.fromtimestamp(received_at, UTC)
        return Request(
            id=name,
            source="http",
            body=base64.b64decode(packed["body"], validate=True),
            content_type=str(packed["content_type"]),
            recompute=bool(packed["recompute"]),
            deadline=math.inf,
            method=str(packed.get("method", "POST")),
            query=str(packed.get("query", "")),
            headers={str(name): str(value) for name, value in packed.get("headers", {}).items()},
            received_at=received_at,
        )
    except (ArithmeticError, AttributeError, LookupError, OSError, TypeError, ValueError):
        return None
