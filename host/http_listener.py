"""HTTP functions: from a request to its response."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl

from host import http_data
from host.http_data import FAILED, Response
from host.http_request import Request
from host.invoker import Invoker
from host.keys import Keys
from host.routes import Route, Routes
from host.runtime import InvocationFailed

#: The real host's limit on a request's body.
MAX_BODY_BYTES = 100 * 1024 * 1024

PING = "/admin/host/ping"

_READY = Response(200)
_UNAUTHORIZED = Response(401)
_NOT_FOUND = Response(404)
_TOO_LARGE = Response(413, close=True)
_TOO_MANY = Response(429)


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

    async def __call__(self, request: Request) -> Response:
        """Raises ClientGone."""
        if request.path == PING:
            return _READY
        found = self._routes.find(request.method, request.path)
        if found is None:
            return _NOT_FOUND
        route, params = found
        query = dict_of(request.query)
        sent = request.headers.get("x-functions-key") or query.get("code", "")
        if not self._keys.admit(route.trigger.auth_level, sent):
            return _UNAUTHORIZED
        if self._max_outstanding is not None and self._outstanding >= self._max_outstanding:
            return _TOO_MANY
        self._outstanding += 1
        try:
            return await self._answer(route, request, query, params)
        finally:
            self._outstanding -= 1

    async def _answer(
        self, route: Route, request: Request, query: dict[str, str], params: Mapping[str, str]
    ) -> Response:
        length = int(request.headers.get("content-length") or 0)
        if length > self._max_body_bytes:
            return _TOO_LARGE
        body = await request.body() if length else None
        data = http_data.request(request, query, params, body)
        try:
            outcome = await self._invoker.run(route.function, data, {}, values={**query, **params})
        except InvocationFailed:
            return FAILED
        return http_data.response(route.function, outcome)


def dict_of(text: str) -> dict[str, str]:
    """A query as the real host gives it: values of one name joined, empty ones dropped."""
    query: dict[str, str] = {}
    if text:
        for name, value in parse_qsl(text):
            query[name] = f"{query[name]},{value}" if name in query else value
    return query
