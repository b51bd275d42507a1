"""HTTP functions: an ASGI app that takes a request to its function and back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from local.host.app.invoker import Invoker
from local.host.app.protos import TypedData
from local.host.app.runtime import InvocationFailed
from local.host.http_listener import http_data
from local.host.http_listener.http_data import FAILED, Response
from local.host.http_listener.http_protocol import MAX_BODY_BYTES
from local.host.http_listener.http_query import TooManyArguments, code_of, dict_of
from local.host.http_listener.keys import Keys
from local.host.http_listener.routes import Route, Routes

log = logging.getLogger(__name__)

#: ASGI's: what is known of a request, and its two ways.
Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]

PING = "/admin/host/ping"

_READY = Response(200)


class Refused(Exception):
    """Answered by the host itself."""

    def __init__(self, status: int, *headers: tuple[bytes, bytes]) -> None:
        super().__init__(status)
        self.response = Response(status, ((b"content-length", b"0"), *headers))


class ClientGone(Exception):
    """The client left before its body was there."""


class HttpListener:
    """Takes a request to its function and back.

    A client that goes away cancels nothing: its function runs to the end, as in Azure. A request
    counts as outstanding from when it is whole: what is sent slowly takes nobody's place.
    """

    def __init__(
        self, invoker: Invoker, routes: Routes, *, keys: Keys, max_outstanding: int | None
    ) -> None:
        self._invoker, self._routes = invoker, routes
        self._keys = keys
        self._max_outstanding = max_outstanding
        self._outstanding = 0

    def __repr__(self) -> str:
        return f"<HttpListener {self._routes!r}, {self._outstanding} outstanding>"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            response = await self._respond(scope, receive)
        except Refused as refused:
            response = refused.response
        except ClientGone:
            return
        except asyncio.CancelledError:
            # The server stops, and this has taken too long.
            response = FAILED
        except Exception:
            log.exception("no answer to %s %s", scope["method"], scope["path"])
            response = FAILED
        await send(
            {"type": "http.response.start", "status": response.status, "headers": response.headers}
        )
        await send({"type": "http.response.body", "body": response.body, "more_body": False})

    async def _respond(self, scope: Scope, receive: Receive) -> Response:
        """Raises Refused and ClientGone."""
        path = scope["raw_path"].decode("ascii")
        if path == PING:
            return _READY
        if (found := self._routes.find(scope["method"], path)) is None:
            raise Refused(404)
        route, params = found
        headers = http_data.headers_of(scope["headers"])
        query = self._admit(route, headers, scope["query_string"].decode("latin-1"))
        values = {**query, **params}
        if route.tells_health:
            data = http_data.request(scope, headers, query, params, b"")
            return await self._run(route, data, values)
        self._require_room()
        body = await _body(int(headers.get("content-length") or 0), receive)
        # What is sent slowly takes nobody's place, so that there may be none any more.
        self._require_room()
        self._outstanding += 1
        try:
            data = http_data.request(scope, headers, query, params, body)
            return await self._run(route, data, values)
        finally:
            self._outstanding -= 1

    def _admit(self, route: Route, headers: Mapping[str, str], query: str) -> dict[str, str]:
        """The query's arguments; of a caller that is not known nothing but the key is read.

        Raises Refused.
        """
        sent = headers.get("x-functions-key") or code_of(query)
        if not self._keys.admit(route.trigger.auth_level, sent):
            raise Refused(401)
        try:
            return dict_of(query)
        except TooManyArguments:
            raise Refused(400) from None

    def _require_room(self) -> None:
        """Raises Refused."""
        if self._max_outstanding is not None and self._outstanding >= self._max_outstanding:
            raise Refused(429, (b"retry-after", b"1"))

    async def _run(self, route: Route, data: TypedData, values: Mapping[str, str]) -> Response:
        try:
            outcome = await self._invoker.run(route.function, data, {}, values=values)
        except InvocationFailed:
            return FAILED
        return http_data.response(route.function, outcome)


async def _body(length: int, receive: Receive) -> bytes:
    """All of it; one in chunks, of no length known before, reaches no function in Azure.

    Raises Refused and ClientGone.
    """
    if length > MAX_BODY_BYTES:
        raise Refused(413, (b"connection", b"close"))
    if not length:
        return b""
    parts: list[bytes] = []
    more = True
    while more:
        event = await receive()
        if event["type"] != "http.request":
            raise ClientGone
        parts.append(event["body"])
        more = event["more_body"]
    return b"".join(parts)
