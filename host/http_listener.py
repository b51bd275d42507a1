"""HTTP functions as a raw ASGI application."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from host import http_data
from host.invoker import Invoker
from host.keys import Keys
from host.routes import Route, Routes
from host.runtime import InvocationFailed

log = logging.getLogger(__name__)

#: The real host's limit on a request's body.
MAX_BODY_BYTES = 100 * 1024 * 1024

PING = "/admin/host/ping"

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class ClientGone(Exception):
    """The client left before its body was there."""


class HttpListener:
    """Takes a request to its function and back.

    A client that goes away cancels nothing: its function runs to the end, as in Azure.
    """

    def __init__(
        self,
        invoker: Invoker,
        routes: Routes,
        *,
        keys: Keys,
        max_outstanding: int | None,
        max_body_bytes: int = MAX_BODY_BYTES,
    ) -> None:
        self._invoker, self._routes = invoker, routes
        self._keys = keys
        self._max_outstanding = max_outstanding
        self._max_body_bytes = max_body_bytes
        self._outstanding = 0

    def __repr__(self) -> str:
        return f"<HttpListener {self._routes!r}, {self._outstanding} outstanding>"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            # Web sockets reach no function.
            await send({"type": "websocket.close"})
            return
        raw_path = scope["raw_path"].decode("latin-1")
        if raw_path == PING:
            await _send(send, http_data.Response(200))
            return
        found = self._routes.find(scope["method"], raw_path)
        if found is None:
            await _send(send, http_data.Response(404))
            return
        route, params = found
        headers = http_data.request_headers(scope["headers"])
        query = dict_of(scope["query_string"])
        sent = headers.get("x-functions-key") or query.get("code", "")
        if not self._keys.admit(route.trigger.auth_level, sent):
            await _send(send, http_data.Response(401))
            return
        if self._max_outstanding is not None and self._outstanding >= self._max_outstanding:
            await _send(send, http_data.Response(429))
            return
        self._outstanding += 1
        try:
            response = await self._answer(route, scope, receive, headers, query, params)
        except ClientGone:
            return
        finally:
            self._outstanding -= 1
        await _send(send, response)

    async def _answer(
        self,
        route: Route,
        scope: Scope,
        receive: Receive,
        headers: dict[str, str],
        query: dict[str, str],
        params: Mapping[str, str],
    ) -> http_data.Response:
        # A chunked body does not reach a function.
        length = int(headers.get("content-length") or 0)
        if length > self._max_body_bytes:
            return http_data.Response(413, ((b"connection", b"close"),))
        body = await _body(receive) if length else None
        data = http_data.request(scope, headers, query, params, body)
        try:
            outcome = await self._invoker.run(route.function, data, {}, values={**query, **params})
        except InvocationFailed:
            return http_data.Response(500)
        return http_data.response(route.function, outcome)


def dict_of(query_string: bytes) -> dict[str, str]:
    """A query as the real host gives it: values of one name joined, empty ones dropped."""
    query: dict[str, str] = {}
    if query_string:
        for name, value in parse_qsl(query_string.decode("latin-1")):
            query[name] = f"{query[name]},{value}" if name in query else value
    return query


async def _body(receive: Receive) -> bytes:
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body"):
        return bytes(message.get("body", b""))
    parts = []
    while message["type"] == "http.request":
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)
        message = await receive()
    raise ClientGone


async def _send(send: Send, response: http_data.Response) -> None:
    await send(
        {
            "type": "http.response.start",
            "status": response.status,
            "headers": response.headers,
        }
    )
    await send({"type": "http.response.body", "body": response.body})
