"""Requests and responses between ASGI and the worker library."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from email.utils import formatdate
from functools import lru_cache
from typing import Any, NamedTuple

from host.bindings import Function
from host.protos import Message, RpcHttp, RpcHttpCookie, TypedData
from host.runtime import Outcome

_BODILESS = frozenset({204, 304})

_SAME_SITE = {
    RpcHttpCookie.SameSite.Lax: "Lax",
    RpcHttpCookie.SameSite.Strict: "Strict",
    RpcHttpCookie.SameSite.ExplicitNone: "None",
}


#: The length is the body's own, whatever a function said.
_OURS = frozenset({"content-length", "transfer-encoding"})

_NO_BODY = TypedData()


class Response(NamedTuple):
    """What is sent; without headers of its own an empty body."""

    status: int
    headers: Sequence[tuple[bytes, bytes]] = ((b"content-length", b"0"),)
    body: bytes = b""


def request_headers(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Names in lower case, values of one name joined by a comma."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in raw:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    return headers


def request(
    scope: Mapping[str, Any],
    headers: Mapping[str, str],
    query: Mapping[str, str],
    params: Mapping[str, str],
    body: bytes | None,
) -> TypedData:
    """A request as the real host sends it: the body is bytes, and absent if empty."""
    path, text = scope["raw_path"].decode("latin-1"), scope["query_string"].decode("latin-1")
    host = headers.get("host") or "localhost"
    return TypedData(
        http=RpcHttp(
            method=scope["method"],
            url=f"{scope['scheme']}://{host}{path}{'?' if text else ''}{text}",
            headers=headers,
            params=params,
            query=query,
            body=TypedData(bytes=body) if body else _NO_BODY,
        )
    )


def response(function: Function, outcome: Outcome) -> Response:
    """What a function answered; 204 where it has no HTTP output, 500 where it is unusable."""
    if function.answer is None:
        return Response(204, ())
    return _from(outcome.get(function.answer))


def _from(value: TypedData | None) -> Response:
    if value is None:
        return Response(500)
    match value.WhichOneof("data"):
        case "http":
            return _from_http(value.http)
        case "string":
            return _from_text(value.string)
        case "json":
            return _response(200, {"content-type": "application/json"}, value.json.encode())
        case "bytes":
            return _response(200, {"content-type": "application/octet-stream"}, value.bytes)
    return Response(500)


def _from_http(http: Message) -> Response:
    response = _response(int(http.status_code), http.headers, http.body.bytes or b"")
    if not http.cookies:
        return response
    cookies = [(b"set-cookie", _latin(_cookie(cookie))) for cookie in http.cookies]
    return response._replace(headers=[*response.headers, *cookies])


def _from_text(text: str) -> Response:
    """A string; one that is a JSON object with a `body` is taken as a response."""
    try:
        parsed = json.loads(text)
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict) or "body" not in parsed:
        return _response(200, {"content-type": "text/plain; charset=utf-8"}, text.encode())
    body = parsed["body"]
    headers = {
        str(name).lower(): str(value) for name, value in (parsed.get("headers") or {}).items()
    }
    if isinstance(body, str):
        headers.setdefault("content-type", "text/plain; charset=utf-8")
    else:
        body = json.dumps(body)
        headers.setdefault("content-type", "application/json; charset=utf-8")
    status = int(parsed.get("statusCode") or parsed.get("status") or 200)
    return _response(status, headers, body.encode())


def _response(status: int, said: Mapping[str, str], body: bytes) -> Response:
    headers = [
        (_name(name), value.encode("latin-1", "replace"))
        for name, value in said.items()
        if name.lower() not in _OURS
    ]
    if status in _BODILESS:
        return Response(status, headers)
    headers.append((b"content-length", b"%d" % len(body)))
    return Response(status, headers, body)


@lru_cache(256)
def _name(name: str) -> bytes:
    """A header's name as it is sent; functions say the same few again and again."""
    return _latin(name.lower())


def _cookie(cookie: Message) -> str:
    parts = [f"{cookie.name}={cookie.value}"]
    for label, nullable in (("Domain", cookie.domain), ("Path", cookie.path)):
        if nullable is not None and nullable.value:
            parts.append(f"{label}={nullable.value}")
    if cookie.max_age is not None:
        parts.append(f"Max-Age={int(cookie.max_age.value)}")
    if cookie.expires is not None:
        parts.append(f"Expires={formatdate(cookie.expires.value.seconds, usegmt=True)}")
    if cookie.secure is not None and cookie.secure.value:
        parts.append("Secure")
    if cookie.http_only is not None and cookie.http_only.value:
        parts.append("HttpOnly")
    if same_site := _SAME_SITE.get(cookie.same_site):
        parts.append(f"SameSite={same_site}")
    return "; ".join(parts)


def _latin(text: str) -> bytes:
    return text.encode("latin-1", "replace")
