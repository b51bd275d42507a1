"""Requests and responses between HTTP and the worker library."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable, Mapping
from email.utils import formatdate
from functools import lru_cache
from typing import Any, NamedTuple

from local.host.app.bindings import Function
from local.host.app.protos import Message, RpcHttp, RpcHttpCookie, TypedData
from local.host.app.runtime import Outcome

log = logging.getLogger(__name__)

_BODILESS = frozenset({204, 304})

_SAME_SITE = {
    RpcHttpCookie.SameSite.Lax: "Lax",
    RpcHttpCookie.SameSite.Strict: "Strict",
    RpcHttpCookie.SameSite.ExplicitNone: "None",
}


#: What a function can answer with. 1xx are no answers, and beyond 599 nothing is defined.
_STATUSES = range(200, 600)

#: The length is the body's own, whatever a function said, and the connection the host's.
_OURS = frozenset({"content-length", "transfer-encoding", "connection"})

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")

_NO_BODY = TypedData()

Headers = tuple[tuple[bytes, bytes], ...]


class Response(NamedTuple):
    """What is sent."""

    status: int
    headers: Headers = ((b"content-length", b"0"),)
    body: bytes = b""


FAILED = Response(500)


class Unsendable(Exception):
    """HTTP has no form for this status or header."""


def headers_of(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers by their names in lower case, the values of one name joined by commas."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in raw:
        name, value = _name(raw_name), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    return headers


@lru_cache(256)
def _name(raw: bytes) -> str:
    return raw.decode("latin-1")


def request(
    scope: Mapping[str, Any],
    headers: Mapping[str, str],
    query: Mapping[str, str],
    params: Mapping[str, str],
    body: bytes,
) -> TypedData:
    """An ASGI request as the real host sends it: the body is bytes, and absent if empty."""
    host = headers.get("host") or "localhost"
    target = scope["raw_path"].decode("ascii")
    if scope["query_string"]:
        target += "?" + scope["query_string"].decode("latin-1")
    return TypedData(
        http=RpcHttp(
            method=scope["method"],
            url=f"http://{host}{target}",
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
    try:
        return _from(outcome.get(function.answer))
    except Unsendable as error:
        log.error("function %s failed: %s cannot be sent", function.name, error)
        return FAILED


def _from(value: TypedData | None) -> Response:
    if value is None:
        return FAILED
    match value.WhichOneof("data"):
        case "http":
            return _from_http(value.http)
        case "string":
            return _from_text(value.string)
        case "json":
            return _response(200, {"content-type": "application/json"}, value.json.encode())
        case "bytes":
            return _response(200, {"content-type": "application/octet-stream"}, value.bytes)
    return FAILED


def _from_http(http: Message) -> Response:
    response = _response(int(http.status_code), http.headers, http.body.bytes or b"")
    cookies = [_header("set-cookie", _cookie(cookie)) for cookie in http.cookies or ()]
    return response._replace(headers=(*response.headers, *cookies)) if cookies else response


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


def _response(status: int, headers: Mapping[str, str], body: bytes) -> Response:
    if status not in _STATUSES:
        raise Unsendable(f"status {status}")
    sent = tuple(_header(*each) for each in headers.items() if each[0].lower() not in _OURS)
    if status in _BODILESS:
        return Response(status, sent)
    return Response(status, (*sent, (b"content-length", b"%d" % len(body))), body)


def _header(name: str, value: str) -> tuple[bytes, bytes]:
    # Asking for printable text first costs 30 ns, the search 300.
    if not value.isprintable() and _CONTROL.search(value):
        raise Unsendable(f"header {name}")
    return _sent_name(name), value.encode("latin-1", "replace")


@lru_cache(256)
def _sent_name(name: str) -> bytes:
    """Functions use the same few again and again."""
    if not _TOKEN.fullmatch(name):
        raise Unsendable(f"header {name!r}")
    return name.lower().encode()


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
