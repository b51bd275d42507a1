"""The app in this process, called as the local host's HTTP listener calls it."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import Any

from bench.errors import BenchError
from bench.places import ROOT
from local.host.app.connections import Connections
from local.host.app.inputs import Inputs
from local.host.app.invoker import Invoker
from local.host.app.outputs import Outputs
from local.host.app.runtime import Runtime
from local.host.http_listener.asgi_app import AsgiApp, Scope
from local.host.http_listener.keys import Keys
from local.host.http_listener.routes import Routes


async def start() -> AsgiApp:
    """The app with the settings of the environment."""
    runtime = await Runtime.load(ROOT, os.environ, timeout_s=None)
    connections = Connections(os.environ)
    invoker = Invoker(runtime, Inputs(connections), Outputs(connections))
    routes = Routes(runtime.functions, prefix="api")
    return AsgiApp(invoker, routes, {}, keys=Keys(), max_outstanding=None)


async def ask(app: Callable[..., Awaitable[None]], body: bytes) -> None:
    """POST a JSON body to `/api/score`. Raises BenchError for an answer that is an error."""
    length = str(len(body)).encode()
    headers = [(b"host", b"bench"), (b"content-type", b"application/json")]
    scope: Scope = {
        "method": "POST",
        "path": "/api/score",
        "raw_path": b"/api/score",
        "query_string": b"",
        "headers": [*headers, (b"content-length", length)],
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(event: Any) -> None:
        if event.get("status", 200) != 200:
            raise BenchError(f"answered {event['status']}")

    await app(scope, receive, send)
