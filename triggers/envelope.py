"""What HTTP puts on the input queue for a caller who does not wait.

An output binding carries neither a message id nor properties (and the platform rewrites a JSON
object with indentation), so the request travels whole inside the body.
"""

from __future__ import annotations

import base64
import math
from datetime import UTC, datetime

import orjson

from inference.errors import InputTooLarge, MalformedInput
from inference.request import Request
from triggers.statuses import MAX_ID

MARK = "triscore_request"
#: The broker's limit for a message is 256 KiB; what is left over is for its own headers.
MAX_BYTES = 250_000
#: What goes along, for scripts that read headers: what says how body and answer are written, and
#: what names the request in logs and traces. A queue is read by others, so that whatever may prove
#: who somebody is stays behind, by whichever name.
HEADERS = frozenset(
    {
        *("accept", "accept-charset", "accept-language"),
        *("content-encoding", "content-language", "content-type", "prefer"),
        *("traceparent", "tracestate", "x-correlation-id"),
        *("x-ms-client-request-id", "x-request-id"),
    }
)
#: A caller's own, which a script is to see; blobs' metadata have the same names.
OWN_HEADERS = "x-ms-meta-"


def pack(request: Request) -> str:
    """A request as one message. Raises InputTooLarge, and MalformedInput for text that is none."""
    kept = {
        name: value
        for name, value in request.headers.items()
        if name in HEADERS or name.startswith(OWN_HEADERS)
    }
    contents = {
        MARK: 1,
        "id": request.id,
        "content_type": request.content_type,
        "recompute": request.recompute,
        "method": request.method,
        "query": request.query,
        "headers": kept,
        "received_at": datetime.fromtimestamp(request.received_at, UTC).isoformat(),
        "body": base64.b64encode(request.body).decode(),
    }
    try:
        sealed = orjson.dumps(contents).decode()
    except TypeError as error:
        raise MalformedInput("the id, the query or a header is not UTF-8") from error
    if len(sealed) > MAX_BYTES:
        raise InputTooLarge(
            size=len(request.body),
            limit=MAX_BYTES * 3 // 4,
            unit="bytes",
            setting="the queue's limit; upload a blob instead",
        )
    return sealed


def unpack(body: bytes) -> Request | None:
    """The request in a message that HTTP sealed; None for any other message."""
    if not body.startswith(b"{") or MARK.encode() not in body[:100]:
        return None
    try:
        sealed = orjson.loads(body)
        name = sealed["id"]
        if not isinstance(name, str) or not 0 < len(name) <= MAX_ID:
            return None  # HTTP accepts none of these
        received_at = datetime.fromisoformat(sealed["received_at"]).timestamp()
        # Out of range it raises here, and not where it is written again.
        datetime.fromtimestamp(received_at, UTC)
        return Request(
            id=name,
            source="http",
            body=base64.b64decode(sealed["body"], validate=True),
            content_type=str(sealed["content_type"]),
            recompute=bool(sealed["recompute"]),
            deadline=math.inf,
            method=str(sealed.get("method", "POST")),
            query=str(sealed.get("query", "")),
            headers={str(name): str(value) for name, value in sealed.get("headers", {}).items()},
            received_at=received_at,
        )
    except (ArithmeticError, AttributeError, LookupError, OSError, TypeError, ValueError):
        return None
