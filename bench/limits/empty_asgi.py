"""The smallest ASGI application: it answers `ok`."""

from __future__ import annotations

from typing import Any

START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"text/plain"), (b"content-length", b"2")],
}
BODY = {"type": "http.response.body", "body": b"ok"}


async def app(scope: Any, _receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        raise RuntimeError("this application has no lifespan")
    await send(START)
    await send(BODY)
