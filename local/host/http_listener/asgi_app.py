"""An ASGI app that invokes HTTP functions."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from local.host.app.invoker import Invoker
from local.host.app.protos import TypedData
from local.host.app.runtime import InvocationFailed
from local.host.http_listener.keys import Keys
from local.host.http_listener.protocol import MAX_BODY_BYTES
from local.host.http_listener.request import (
    TooManyArguments,
    find_key,
    read_headers,
    read_query,
    read_trace,
    to_typed_data,
)
from local.host.http_listener.response import FAILED, Response, from_outcome
from local.host.http_listener.routes import Route, Routes

log = logging.getLogger(__name__)

# ASGI's own names.
Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]

PING = "/admin/host/ping"

_READY = Response(200)
_READING = ("GET", "HEAD")


class RequestRefused(Exception):
    """The host answers this request itself, without a function."""

    def __init__(self, status: int, *headers: tuple[bytes, bytes]) -> None:
        super().__init__(status)
        self.response = Response(status, ((b"content-length", b"0"), *headers))


class ClientDisconnected(Exception):
    """The client disconnected before its whole body had arrived."""


class AsgiApp:
    """Finds a request's function, checks its key, and invokes it.

    A client's disconnect does not cancel its function, as in Azure. A request counts as outstanding
    once its body is complete, so that slow uploads do not use up `max_outstanding`.
    """

    def __init__(
        self,
        invoker: Invoker,
        routes: Routes,
        shortcuts: Mapping[str, Response],
        *,
        keys: Keys,
        max_outstanding: int | None,
    ) -> None:
        self._invoker, self._routes, self._shortcuts = invoker, routes, shortcuts
        self._keys = keys
        self._max_outstanding = max_outstanding
        self._outstanding = 0

    def __repr__(self) -> str:
        return f"<AsgiApp {self._routes!r}, {self._outstanding} outstanding>"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            response = await self._respond(scope, receive)
        except RequestRefused as refused:
            response = refused.response
        except ClientDisconnected:
            return
        except asyncio.CancelledError:
            # The server's drain time is over: answer, since the connection is still open.
            response = FAILED
        except Exception:
            log.exception("the host failed at %s %s", scope["method"], scope["path"])
            response = FAILED
        await send(
            {"type": "http.response.start", "status": response.status, "headers": response.headers}
        )
        await send({"type": "http.response.body", "body": response.body, "more_body": False})

    async def _respond(self, scope: Scope, receive: Receive) -> Response:
        """Raises RequestRefused and ClientDisconnected."""
        path = scope["raw_path"].decode("ascii")
        if path == PING:
            return _READY
        if (found := self._routes.find(scope["method"], path)) is None:
            if scope["method"] in _READING and path in self._shortcuts:
                return self._shortcuts[path]
            raise RequestRefused(404)
        route, params = found
        headers = read_headers(scope["headers"])
        query = self._authorize(route, headers, scope["query_string"].decode("latin-1"))
        values = {**query, **params}
        if route.is_health:
            data = to_typed_data(scope, headers, query, params, b"")
            return await self._invoke(route, data, values)
        self._require_capacity()
        body = await _read_body(int(headers.get("content-length") or 0), receive)
        # Others may have taken the last place while the body arrived.
        self._require_capacity()
        self._outstanding += 1
        try:
            data = to_typed_data(scope, headers, query, params, body)
            return await self._invoke(route, data, values)
        finally:
            self._outstanding -= 1

    def _authorize(self, route: Route, headers: Mapping[str, str], query: str) -> dict[str, str]:
        """The query's arguments. They are parsed only after the key has been accepted.

        Raises RequestRefused.
        """
        key = headers.get("x-functions-key") or find_key(query)
        if not self._keys.accepts(route.trigger.auth_level, key):
            raise RequestRefused(401)
        try:
            return read_query(query)
        except TooManyArguments:
            raise RequestRefused(400) from None

    def _require_capacity(self) -> None:
        """Raises RequestRefused."""
        if self._max_outstanding is not None and self._outstanding >= self._max_outstanding:
            raise RequestRefused(429, (b"retry-after", b"1"))

    async def _invoke(self, route: Route, data: TypedData, values: Mapping[str, str]) -> Response:
        try:
            outcome = await self._invoker.run(
                route.function, data, {}, values=values, trace=read_trace(data.http.headers)
            )
        except InvocationFailed:
            return FAILED
        return from_outcome(route.function, outcome)


async def _read_body(length: int, receive: Receive) -> bytes:
    """The whole body. A chunked one (length 0) reads as empty, as it does in Azure.

    Raises RequestRefused and ClientDisconnected.
    """
    if length > MAX_BODY_BYTES:
        raise RequestRefused(413, (b"connection", b"close"))
    if not length:
        return b""
    parts: list[bytes] = []
    more = True
    while more:
        event = await receive()
        if event["type"] != "http.request":
            raise ClientDisconnected
        parts.append(event["body"])
        more = event["more_body"]
    return b"".join(parts)
