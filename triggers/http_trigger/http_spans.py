"""The span of an HTTP request."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, Concatenate
from urllib.parse import urlsplit

import azure.functions as func

from inference.tracing import spans


def traced[**P](
    route: str, handler: Callable[Concatenate[func.HttpRequest, P], Awaitable[func.HttpResponse]]
) -> Callable[Concatenate[func.HttpRequest, P], Awaitable[func.HttpResponse]]:
    """The handler, with a span for each request. The handler itself if nothing is traced."""
    recorder = spans.recorder
    if recorder is None:
        return handler

    @wraps(handler)  # the platform reads its name and its arguments
    async def answer(
        req: func.HttpRequest, /, *args: P.args, **kwargs: P.kwargs
    ) -> func.HttpResponse:
        with recorder.serve(f"{req.method} {route}", dict(req.headers), _attributes(req, route)):
            return await handler(req, *args, **kwargs)

    return answer


def _attributes(req: func.HttpRequest, route: str) -> dict[str, Any]:
    """No query: it may hold the key, and a script's arguments."""
    url = urlsplit(req.url)
    return {
        "http.request.method": req.method,
        "http.route": route,
        "url.scheme": url.scheme,
        "url.path": url.path,
        "server.address": url.hostname or "",
    }
