"""What HTTP puts on the input queue for a caller who does not wait.

An output binding carries neither a message id nor properties (and the platform rewrites a JSON
object with indentation), so the request travels whole inside the body.
"""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime

import orjson

from inference.errors import InputTooLarge
from inference.request import Request

MARK = "triscore_request"
#: The broker's limit for a message is 256 KiB; what is left over is for its own headers.
MAX_BYTES = 250_000
#: Not for a queue: what a caller proves itself with.
_SECRETS = frozenset({"authorization", "cookie", "x-functions-key"})


def seal(request: Request) -> str:
    """A request as one message. Raises InputTooLarge."""
    sealed = orjson.dumps(
        {
            MARK: 1,
            "id": request.id,
            "content_type": request.content_type,
            "recompute": request.recompute,
            "method": request.method,
            "query": request.query,
            "headers": {
                name: value for name, value in request.headers.items() if name not in _SECRETS
            },
            "received_at": datetime.fromtimestamp(request.received_at, UTC).isoformat(),
            "body": base64.b64encode(request.body).decode(),
        }
    ).decode()
    if len(sealed) > MAX_BYTES:
        raise InputTooLarge(
            size=len(request.body),
            limit=MAX_BYTES * 3 // 4,
            unit="bytes",
            setting="the queue's limit; upload a blob instead",
        )
    return sealed


def open_sealed(body: bytes) -> Request | None:
    """The request in a message that HTTP sealed; None for any other message."""
    if not body.startswith(b"{") or MARK.encode() not in body[:100]:
        return None
    try:
        sealed = orjson.loads(body)
        return Request(
            id=str(sealed["id"]),
            source="http",
            body=base64.b64decode(sealed["body"], validate=True),
            content_type=str(sealed["content_type"]),
            recompute=bool(sealed["recompute"]),
            patient=True,
            method=str(sealed.get("method", "POST")),
            query=str(sealed.get("query", "")),
            headers={str(name): str(value) for name, value in sealed.get("headers", {}).items()},
            received_at=datetime.fromisoformat(sealed["received_at"]).timestamp(),
        )
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error):
        return None
